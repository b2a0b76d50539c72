"""The contract of every metric, built-in or from a plug-in.

To test a plug-in, add three lines to one of its test files::

    from harness.contracts.metric import check_metric_class

    def test_mine_keeps_the_contract():
        check_metric_class(Mine)
"""

from __future__ import annotations

import re
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from harness.errors import ContractError
from harness.results.metrics import AnyMetric, Catalogue, CutOff, GlobalMetric, Metric
from harness.results.metrics.base import Floats

CUTOFFS = (1, 7, 10, 500)
N_ITEMS = 300
"""Number of items in the catalogue for the checks."""


def check_metric_class(kind: type[AnyMetric]) -> None:
    """Check a metric against every point of the contract, with several cut-offs and, where allowed, without one.

    Raises:
        ContractError: names the first point that the metric violates.
    """
    _demand(re.fullmatch("[a-z][a-z0-9_]*", kind.name), kind, f"has the name {kind.name!r}; use a-z, 0-9 and _")
    without = () if kind.takes is CutOff.REQUIRED else (None,)
    for metric in [kind(cutoff=cutoff) for cutoff in (*without, *CUTOFFS)]:
        if isinstance(metric, Metric):
            _check_per_user(metric)
        elif isinstance(metric, GlobalMetric):
            _check_global(metric)
        else:
            raise ContractError(
                f"{kind.__name__} derives from neither Metric nor GlobalMetric; derive it from one of them"
            )


def _check_per_user(metric: Metric) -> None:
    """Check that values are finite, in range, one per user, independent of other users, never rising with the rank."""
    kind = type(metric)
    every = np.arange(1, N_ITEMS + 1, dtype=np.int32)
    values = _twice(metric, lambda: metric.values(every), every)
    _demand(values.shape == every.shape and values.dtype == np.float64, metric, "gives no float64 per user")
    _check_range(metric, values)
    _demand((np.diff(values) <= 0.0).all(), metric, "rises with the rank; a later target may not be worth more")
    _demand(
        kind.values is Metric.values and kind.mean is Metric.mean, metric, "replaces values or mean; give gain only"
    )
    mixed = np.random.default_rng(0).integers(1, N_ITEMS, size=(2, 400), endpoint=True, dtype=np.int32)
    alone = np.array_equal(metric.values(mixed), values[mixed - 1])
    _demand(alone, metric, "depends on other users' ranks; each value may depend on the user's own rank only")
    one = mixed[0]
    _demand(
        metric.mean(one) == metric.values(one).mean(), metric, "has a mean that differs from the mean of its values"
    )


def _check_global(metric: GlobalMetric) -> None:
    """Check that the value is finite, in range, and independent of the order of users."""
    rng = np.random.default_rng(0)
    shape = (40, max(metric.cutoff or 0, 20))
    lists = np.argsort(rng.random((shape[0], max(N_ITEMS, shape[1]))), axis=1)[:, : shape[1]].astype(np.int32)
    lists += 1
    n_items = int(lists.max())
    lists[:2, 1:] = 0  # users with fewer candidates than the list length
    popularity = np.append(0, rng.integers(0, 100, n_items))
    catalogue = Catalogue(n_items=n_items, popularity=popularity)
    value = _twice(metric, lambda: np.array([metric.value(lists, catalogue)]), lists)
    _check_range(metric, value)
    same = np.isclose(metric.value(rng.permutation(lists), catalogue), value, rtol=1e-12, atol=0.0)
    _demand(same, metric, "depends on the order of users")
    nobody = metric.value(np.zeros_like(lists), catalogue)
    _demand(np.isfinite(nobody), metric, "is not a number where nothing is recommended; a 0 in a list means no item")


def _twice(metric: AnyMetric, measure: Callable[[], Floats], given: NDArray[np.int32]) -> Floats:
    """The measured value, after a check that measuring is deterministic and does not change the given array."""
    before = given.copy()
    value = measure()
    _demand(np.array_equal(value, measure()), metric, "differs when it is computed again; use no random numbers")
    _demand(np.array_equal(given, before), metric, "changes the array that it is given; compute a new one")
    return value


def _check_range(metric: AnyMetric, values: Floats) -> None:
    inside = np.isfinite(values) & (values >= metric.low) & (values <= metric.high)
    outside = values[~inside][:1]
    _demand(inside.all(), metric, f"gives {outside}, outside [{metric.low:g}, {metric.high:g}]; set low and high")


def _demand(kept: object, what: AnyMetric | type[AnyMetric], broken: str) -> None:
    if not kept:
        name = what.__name__ if isinstance(what, type) else f"{type(what).__name__} ({what})"
        raise ContractError(f"{name} {broken}")
