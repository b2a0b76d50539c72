"""Typed wrappers of the SciPy distribution functions that the estimate uses."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from functools import lru_cache
from typing import Any, TypeVar, cast

import numpy as np
from numpy.typing import NDArray
from scipy import special as _special  # pyright: ignore[reportMissingTypeStubs]
from scipy import stats as _stats

Floats = NDArray[np.float64]
Key = TypeVar("Key", bound=Hashable)

_N_NODES = 400

_scipy_special = cast("Any", _special)
_scipy_stats = cast("Any", _stats)


def t_quantile(probability: float, df: float) -> float:
    """Return the quantile of Student's t; ``df`` may be infinite."""
    return float(_scipy_stats.t.ppf(probability, df))


def two_sided_p(statistic: float, df: float) -> float:
    """Return the two-sided p-value of a t statistic; ``df`` may be infinite."""
    return min(1.0, 2.0 * float(_scipy_stats.t.sf(abs(statistic), df)))


def t_quantiles(probability: float, df: Floats) -> Floats:
    """Return :func:`t_quantile` for each of several degrees of freedom."""
    return np.asarray(_scipy_stats.t.ppf(probability, df), dtype=np.float64)


def chi_square_quantiles(probability: Floats, df: float) -> Floats:
    """Return quantiles of the chi-square distribution."""
    return np.asarray(_scipy_stats.chi2.ppf(probability, df), dtype=np.float64)


def normal_cdf(values: Floats) -> Floats:
    """Return the standard normal distribution function at each value."""
    return np.asarray(_scipy_special.ndtr(values), dtype=np.float64)


def chi_square_tail(value: float, df: float) -> float:
    """Return the probability that a chi-square variable is larger than ``value``."""
    return float(_scipy_special.chdtrc(df, value))


@lru_cache(maxsize=4096)
def expected_lowest(dfs: tuple[float, ...], n_lowest: int) -> float:
    """Return the expected mean of the ``n_lowest`` smallest chi-square variables, each over its degrees of freedom.

    Given the next larger variable, the lowest are distributed like draws below it; its quantile is beta distributed.
    Exact if all degrees of freedom are equal, approximate otherwise.
    """
    n_all = len(dfs)
    nodes = (np.arange(_N_NODES) + 0.5) / _N_NODES
    chance = np.asarray(_scipy_stats.beta.ppf(nodes, n_lowest + 1.0, n_all - n_lowest), dtype=np.float64)
    df, count = np.unique(np.array(dfs), return_counts=True)
    weight = (count / n_all)[:, None]

    def below(cut: Floats, more: float) -> Floats:
        return np.asarray((weight * _scipy_special.chdtr(df[:, None] + more, df[:, None] * cut)).sum(axis=0))

    low, high = np.zeros(_N_NODES), np.full(_N_NODES, 1e3)
    for _ in range(60):
        middle = 0.5 * (low + high)
        under = below(middle, 0.0) < chance
        low, high = np.where(under, middle, low), np.where(under, high, middle)
    return float((below(high, 2.0) / below(high, 0.0)).mean())


def both_beyond(correlation: float, critical: float) -> float:
    """Return the probability that two standard normals of this correlation both exceed ``critical`` in magnitude."""
    if abs(correlation) >= 1.0 - 1e-12:
        return 2.0 * float(_scipy_stats.norm.sf(critical))
    normal = _scipy_stats.multivariate_normal([0.0, 0.0], [[1.0, correlation], [correlation, 1.0]])
    opposite = _scipy_stats.multivariate_normal([0.0, 0.0], [[1.0, -correlation], [-correlation, 1.0]])
    corner = [-critical, -critical]
    return 2.0 * float(normal.cdf(corner)) + 2.0 * float(opposite.cdf(corner))


def binomial_interval(successes: float, trials: float) -> tuple[float, float]:
    """Return the Clopper-Pearson 95% interval of a share; counts may be fractional (effective number of trials)."""
    beta = _scipy_stats.beta
    low = 0.0 if successes <= 0 else float(beta.ppf(0.025, successes, trials - successes + 1.0))
    high = 1.0 if successes >= trials else float(beta.ppf(0.975, successes + 1.0, trials - successes))
    return low, high


def benjamini_hochberg(p_values: Floats) -> Floats:
    """Return adjusted p-values that control the false discovery rate, in the order given."""
    if p_values.size == 0:
        return p_values
    return np.asarray(_scipy_stats.false_discovery_control(p_values, method="bh"), dtype=np.float64)


def adjusted(p_values: Mapping[Key, float | None]) -> dict[Key, float]:
    """Return :func:`benjamini_hochberg` over a family by name; untested entries (None) are left out."""
    tested = {key: p for key, p in p_values.items() if p is not None}
    found = benjamini_hochberg(np.array(list(tested.values()), dtype=np.float64))
    return dict(zip(tested, found.tolist(), strict=True))


def kendall(first: list[float], second: list[float]) -> tuple[float, float]:
    """Return Kendall's tau-b of two non-constant lists and its p-value: exact without ties, else asymptotic."""
    found = _scipy_stats.kendalltau(first, second, variant="b")
    return float(found.statistic), float(found.pvalue)


def spearman(first: Floats, second: Floats) -> Floats:
    """Return the rank correlation per row of two tables ``(n_rows, n)``, ties at mean rank; NaN for a constant row."""
    one, two = (_centred(np.asarray(_scipy_stats.rankdata(each, axis=1), dtype=np.float64)) for each in (first, second))
    scale = np.sqrt((one**2).sum(axis=1) * (two**2).sum(axis=1))
    return np.divide((one * two).sum(axis=1), scale, out=np.full(len(scale), np.nan), where=scale > 0.0)


def _centred(rows: Floats) -> Floats:
    return rows - rows.mean(axis=1, keepdims=True)
