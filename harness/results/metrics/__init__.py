"""Metrics by name, such as ``ndcg@10``, ``mrr@20`` or ``mrr``, per user from the ranks of the user's targets.

A plug-in adds a family through the entry point group ``ftr_study.metrics``: one class below :class:`Metric` or
:class:`GlobalMetric`, tested by :func:`harness.contracts.metric.check_metric_class`.
"""

from __future__ import annotations

import re

import numpy as np
from numpy.typing import NDArray

from harness.errors import InputError, did_you_mean
from harness.plugins import Registry, subclass_of
from harness.results.metrics.base import AnyMetric, CutOff, Floats, Metric, targets_mean
from harness.results.metrics.catalogue import Coverage, Distinct, PopularityLift
from harness.results.metrics.global_metric import Catalogue, GlobalMetric
from harness.results.metrics.mrr import MRR
from harness.results.metrics.ndcg import NDCG
from harness.results.metrics.recall import Recall

__all__ = [
    "GLOBAL",
    "METRICS",
    "REGISTRY",
    "AnyMetric",
    "Catalogue",
    "CutOff",
    "GlobalMetric",
    "Metric",
    "check_metric",
    "find_metric",
    "mean_metrics",
    "metric_values",
    "names_pattern",
    "tabulated",
    "user_values",
]

METRICS: tuple[str, ...] = (
    *(f"recall@{cutoff}" for cutoff in (5, 10, 20, 50)),
    *(f"ndcg@{cutoff}" for cutoff in (5, 10, 20, 50)),
    "mrr@10",
)
"""Metrics that every run measures on the validation set and every report tabulates; see :func:`tabulated`."""

GLOBAL: tuple[str, ...] = ("coverage@10", "popularity@10", "distinct@10")
"""Metrics of all users' lists that every report tabulates."""

REGISTRY: Registry[type[AnyMetric]] = Registry(
    group="ftr_study.metrics",
    what="metric",
    builtin=lambda: (Recall, NDCG, MRR, Coverage, PopularityLift, Distinct),
    name_of=lambda kind: kind.name,
    check=subclass_of(AnyMetric),
)
"""Every family of metrics by name."""

_CUTOFF = "[1-9][0-9]{0,5}"
_SPELT = {CutOff.REQUIRED: "@K", CutOff.OPTIONAL: "[@K]"}
_PATTERN = {CutOff.REQUIRED: f"@{_CUTOFF}", CutOff.OPTIONAL: f"(@{_CUTOFF})?"}


def find_metric(name: str) -> AnyMetric:
    """The metric of that name, per user or global.

    Raises:
        InputError: no metric has that name; the text suggests the nearest.

    >>> find_metric("mrr@20")
    MRR(cutoff=20)
    >>> str(find_metric("ndcg"))
    'ndcg'
    """
    return _found(name, AnyMetric)


def _found(name: str, wanted: type[AnyMetric]) -> AnyMetric:
    """The metric of that name; the error for an unknown name lists the subclasses of ``wanted``."""
    family, at, cutoff = name.partition("@")
    if family not in REGISTRY or (at and not re.fullmatch(_CUTOFF, cutoff)):
        near = did_you_mean(name.lower(), (*METRICS, *REGISTRY))
        broken = "".join(f"; plug-in {point} cannot be used: {why}" for point, why in REGISTRY.broken.items())
        known = ", ".join(f"{kind.name}{_SPELT[kind.takes]}" for kind in REGISTRY.values() if issubclass(kind, wanted))
        raise InputError(f"unknown metric {name!r}{near}{broken} (known: {known})")
    return REGISTRY[family](cutoff=int(cutoff) if at else None)


def check_metric(name: str) -> Metric:
    """The metric per user of that name.

    Raises:
        InputError: no metric has that name, or it is a global one.
    """
    metric = _found(name, Metric)
    if not isinstance(metric, Metric):
        raise InputError(f"metric {name!r} has no value per user; use one that ranks decide, such as ndcg@10")
    return metric


def metric_values(ranks: NDArray[np.int32], metric: str) -> Floats:
    """Each target's value of a metric; with one target per user the mean is the figure that papers print.

    Args:
        ranks: rank of each target, from 1, of any shape; 0 where there is none.
        metric: its name, such as ``ndcg@10``.

    Raises:
        InputError: the metric is unknown.

    >>> metric_values(np.array([1, 3, 11], dtype=np.int32), "ndcg@10").tolist()
    [1.0, 0.5, 0.0]
    """
    return check_metric(metric).values(ranks)


def user_values(ranks: NDArray[np.int32], metric: str) -> Floats:
    """Each user's value of a metric by replicate, the mean over the user's targets, ``(n_replicates, n_users)``.

    Args:
        ranks: ``(n_replicates, n_users)`` or ``(n_replicates, n_users, n_targets)``, 0 where there is no target.
        metric: its name.

    Raises:
        InputError: the metric is unknown.
    """
    values = check_metric(metric).values(ranks)
    return targets_mean(values, ranks) if ranks.ndim > 2 else values


def mean_metrics(ranks: NDArray[np.int32], *more: str) -> dict[str, float]:
    """The mean over users of each of :data:`METRICS`, and of more metrics, by name."""
    return {metric: check_metric(metric).mean(ranks) for metric in dict.fromkeys((*METRICS, *more))}


def tabulated(primary: str) -> tuple[str, ...]:
    """:data:`METRICS`, and a study's primary metric if it is not among them."""
    return tuple(dict.fromkeys((*METRICS, primary)))


def names_pattern() -> str:
    """A regular expression for the names that :func:`check_metric` accepts, for a JSON schema."""
    per_user = [kind for kind in REGISTRY.values() if issubclass(kind, Metric)]
    return f"^({'|'.join(re.escape(kind.name) + _PATTERN[kind.takes] for kind in per_user)})$"
