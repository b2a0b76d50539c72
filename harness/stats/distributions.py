"""The few distribution functions that the estimate needs, over scipy, with types."""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping
from typing import Any, TypeVar, cast

import numpy as np
from numpy.typing import NDArray
from scipy import special as _special  # pyright: ignore[reportMissingTypeStubs]
from scipy import stats as _stats

Floats = NDArray[np.float64]
Key = TypeVar("Key", bound=Hashable)

_scipy_special = cast("Any", _special)
_scipy_stats = cast("Any", _stats)


def t_quantile(probability: float, df: float) -> float:
    """Quantile of Student's t; df may be infinite."""
    return float(_scipy_stats.t.ppf(probability, df))


def two_sided_p(statistic: float, df: float) -> float:
    """Chance that ``|t|`` is at least as large under the null; df may be infinite."""
    return min(1.0, 2.0 * float(_scipy_stats.t.sf(abs(statistic), df)))


def t_quantiles(probability: float, df: Floats) -> Floats:
    """:func:`t_quantile` at each of many degrees of freedom."""
    return np.asarray(_scipy_stats.t.ppf(probability, df), dtype=np.float64)


def chi_square_quantiles(probability: Floats, df: float) -> Floats:
    """Quantiles of the chi-square distribution."""
    return np.asarray(_scipy_stats.chi2.ppf(probability, df), dtype=np.float64)


def normal_cdf(values: Floats) -> Floats:
    """Chance that a standard normal is at most each value."""
    return np.asarray(_scipy_special.ndtr(values), dtype=np.float64)


def digamma(x: float) -> float:
    """Derivative of the logarithm of the gamma function."""
    return float(_scipy_special.digamma(x))


def trigamma(x: float) -> float:
    """Derivative of :func:`digamma`."""
    return float(_scipy_special.polygamma(1, x))


def trigamma_inverse(value: float) -> float:
    """The x > 0 with ``trigamma(x) = value``, by Newton's method on ``1 / trigamma``, which is convex.

    Source: Smyth 2004, appendix "Inversion of trigamma function".

    Raises:
        ArithmeticError: value is not positive and finite.
    """
    if not (0.0 < value < math.inf):
        raise ArithmeticError(f"trigamma takes every positive value and no other; {value} was asked for")
    if value > 1e7:
        return 1.0 / math.sqrt(value)
    if value < 1e-6:
        return 1.0 / value
    x = 0.5 + 1.0 / value
    for _ in range(50):
        here = trigamma(x)
        step = here * (1.0 - here / value) / float(_scipy_special.polygamma(2, x))
        x += step
        if -step / x < 1e-10:
            break
    return x


def both_beyond(correlation: float, critical: float) -> float:
    """Chance that two standard normals of that correlation both exceed `critical` in absolute value."""
    if abs(correlation) >= 1.0 - 1e-12:
        return 2.0 * float(_scipy_stats.norm.sf(critical))
    normal = _scipy_stats.multivariate_normal([0.0, 0.0], [[1.0, correlation], [correlation, 1.0]])
    opposite = _scipy_stats.multivariate_normal([0.0, 0.0], [[1.0, -correlation], [-correlation, 1.0]])
    corner = [-critical, -critical]
    return 2.0 * float(normal.cdf(corner)) + 2.0 * float(opposite.cdf(corner))


def binomial_interval(successes: float, trials: float) -> tuple[float, float]:
    """Clopper-Pearson 95% interval of a share; fractional counts are allowed, for an effective number of trials."""
    beta = _scipy_stats.beta
    low = 0.0 if successes <= 0 else float(beta.ppf(0.025, successes, trials - successes + 1.0))
    high = 1.0 if successes >= trials else float(beta.ppf(0.975, successes + 1.0, trials - successes))
    return low, high


def benjamini_hochberg(p_values: Floats) -> Floats:
    """Adjusted p-values that hold the false discovery rate, in the order given."""
    if p_values.size == 0:
        return p_values
    return np.asarray(_scipy_stats.false_discovery_control(p_values, method="bh"), dtype=np.float64)


def adjusted(p_values: Mapping[Key, float | None]) -> dict[Key, float]:
    """:func:`benjamini_hochberg` over a family by name; what was not tested is left out and does not count."""
    tested = {key: p for key, p in p_values.items() if p is not None}
    found = benjamini_hochberg(np.array(list(tested.values()), dtype=np.float64))
    return dict(zip(tested, found.tolist(), strict=True))


def kendall(first: list[float], second: list[float]) -> tuple[float, float]:
    """Kendall's tau-b of two lists, neither constant, and its p-value: exact without ties, else asymptotic."""
    found = _scipy_stats.kendalltau(first, second, variant="b")
    return float(found.statistic), float(found.pvalue)
