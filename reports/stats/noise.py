"""Limits of a study: the A/A row's false-positive rate under sign swaps, and the minimum detectable effect."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from statistics import median

import numpy as np

from harness.results.manifest import A_A
from harness.stats.distributions import (
    binomial_interval,
    both_beyond,
    chi_square_quantiles,
    normal_cdf,
    t_quantiles,
    two_sided_p,
)
from harness.stats.effects import (
    MIN_TESTED,
    Anova,
    Effect,
    Floats,
    Prior,
    error_of,
    standard_error,
)

MIN_SWAP_SEEDS = 5
_MOST_SWAPPED_SEEDS = 14
_NORMAL_95 = 1.959963984540054
_N_OUTCOMES = 200

MOVES = 2.0
"""Residual mean square of an arm, as a multiple of A/A's, above which the arm counts as moving ranks."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SwapRate:
    """Share of significant results when base and A/A are swapped in some of the seeds.

    Attributes:
        share: patterns significant at 5%, as a fraction.
        n_patterns: patterns tried: all ``2^(S-1)`` up to a common sign.
        n_effective: number of independent studies that the patterns are worth; they reuse the same runs.
        low, high: 95% interval of the share, from ``n_effective``.
    """

    share: float
    n_patterns: int
    n_effective: float
    low: float
    high: float


def swap_rate(values: Floats, prior: Prior | None) -> SwapRate | None:
    """Return the measured false-positive rate of A/A differences ``(n_seeds, n_users)``; None below five seeds.

    Every mean square of a swapped table follows from the seed-by-seed products of the original, so a pattern needs no
    pass over the users.  Seeds after the 14th keep their sign, which still leaves 8 192 patterns.
    """
    n_seeds, n_users = values.shape
    if n_seeds < MIN_SWAP_SEEDS:
        return None
    products = values @ values.T
    seed_means = values.mean(axis=1)
    free = min(n_seeds, _MOST_SWAPPED_SEEDS) - 1
    bits = (np.arange(2**free)[:, None] >> np.arange(free)[None, :]) & 1
    signs = np.ones((2**free, n_seeds))
    signs[:, 1 : free + 1] -= 2.0 * bits
    significant = sum(
        _swapped_p(row, seed_means=seed_means, products=products, n_users=n_users, prior=prior) < 0.05 for row in signs
    )
    n_effective = _independent_patterns(signs)
    share = significant / len(signs)
    low, high = binomial_interval(share * n_effective, n_effective)
    return SwapRate(share=share, n_patterns=len(signs), n_effective=n_effective, low=low, high=high)


def _swapped_p(signs: Floats, *, seed_means: Floats, products: Floats, n_users: int, prior: Prior | None) -> float:
    n_seeds = len(signs)
    by_seed = signs * seed_means
    mean = float(by_seed.mean())
    ss_seed = n_users * float(np.square(by_seed - mean).sum())
    ss_user = float(signs @ products @ signs) / n_seeds - n_seeds * n_users * mean**2
    ss_err = float(np.trace(products)) - n_seeds * n_users * mean**2 - ss_seed - ss_user
    ms_user = max(ss_user, 0.0) / (n_users - 1) if n_users > 1 else 0.0
    ms_err = max(ss_err, 0.0) / ((n_seeds - 1) * (n_users - 1)) if n_users > 1 else 0.0
    found = Anova(
        n_seeds=n_seeds,
        n_users=n_users,
        mean=mean,
        seed_means=(),
        ms_seed=ss_seed / (n_seeds - 1),
        ms_user=ms_user,
        ms_err=ms_err,
    )
    se, df, *_ = error_of(found, prior)
    return two_sided_p(mean / se, df) if se > 0.0 else 1.0


def _independent_patterns(signs: Floats) -> float:
    """The number of independent 5% tests whose share has the variance that these patterns have under calibration.

    Two patterns that agree in k of S seeds give statistics with correlation ``(2k - S) / S``.
    """
    n_seeds = signs.shape[1]
    agreement, counts = np.unique(np.round(signs @ signs[0]).astype(np.int64), return_counts=True)
    joint = [both_beyond(value / n_seeds, _NORMAL_95) for value in agreement.tolist()]
    variance = float(np.average(np.array(joint), weights=counts)) - 0.05**2
    return min(0.05 * 0.95 / variance, float(len(signs))) if variance > 0.0 else float(len(signs))


def project(effect: Effect, n_seeds: int) -> tuple[float, float]:
    """Return standard error and degrees of freedom of the arm at `n_seeds`, if its mean squares do not change.

    The degrees of freedom borrowed from other arms grow in proportion to its own, so precision never falls with more
    seeds, and the present number of seeds gives the present error.
    """
    return standard_error(
        n_seeds,
        effect.n_users,
        ms_tilde=effect.ms_tilde,
        prior_df=effect.prior_df / (effect.n_seeds - 1.0) * (n_seeds - 1.0) if effect.n_seeds > 1 else 0.0,
        user_variance=effect.user_sd**2,
        ms_err=effect.ms_err,
    )


def _prior_at(effect: Effect, n_seeds: int) -> Prior | None:
    """The prior from the arms of the same study, if each had `n_seeds` seeds."""
    prior = effect.prior
    if prior is None or n_seeds == effect.n_seeds:
        return prior
    return replace(prior, df=prior.n_arms * (n_seeds - 1.0))


def minimum_detectable(
    effect: Effect, *, n_tests: int = 1, n_seeds: int | None = None, power: float = 0.8, alpha: float = 0.05
) -> float | None:
    """Return the smallest true effect that the arm's test finds with this power, in units of the metric.

    The seed mean square of the planned study is unknown.  Chi-square quantiles spread it around the present one, and
    each value is judged as in :func:`harness.stats.effects.graded`, so an arm may also fall back on its own few
    degrees of freedom.

    Args:
        n_tests: arms that share alpha; the first and strictest step of Holm is used.
        n_seeds: seeds of the planned study; those of the effect if None.

    Returns:
        None if the planned study has fewer than three seeds (no test), or the effect has one (no seed variance).
    """
    seeds = effect.n_seeds if n_seeds is None else n_seeds
    if seeds < MIN_TESTED or effect.n_seeds < 2:
        return None
    sigma, _ = project(effect, seeds)
    if sigma == 0.0:
        return 0.0
    least = _least_significant(effect, seeds, alpha / n_tests)

    def found(true: float) -> float:
        return float(np.mean(normal_cdf((true - least) / sigma) + normal_cdf((-true - least) / sigma)))

    low, high = 0.0, sigma
    while found(high) < power:
        high *= 2.0
    while high - low > 1e-6 * high:
        middle = 0.5 * (low + high)
        low, high = (middle, high) if found(middle) < power else (low, middle)
    return high


def typical_detectable(effects: Collection[Effect], *, n_tests: int = 1, n_seeds: int | None = None) -> float | None:
    """Return the minimum detectable effect of a study: the median over its arms at the seed variance of a typical arm.

    An arm's own mean square from few seeds is imprecise, and arms with a high draw would raise the median.

    Returns:
        None if no arm has two seeds, or the study has fewer than three.
    """
    found = [
        minimum_detectable(
            effect if effect.prior is None else replace(effect, ms_tilde=effect.ms_err * effect.prior.ratio),
            n_tests=n_tests,
            n_seeds=n_seeds,
        )
        for effect in effects
    ]
    known = [each for each in found if each is not None]
    return median(known) if known else None


def movers(effects: Mapping[str, Effect]) -> frozenset[str]:
    """Return the arms that move ranks: the residual mean square of their differences is over twice A/A's.

    Retraining moves the ranks of most users a little, so a count of changed ranks is not informative.

    Args:
        effects: of the arms and of A/A; the result is empty without an A/A row of two seeds or more.
    """
    still = effects.get(A_A)
    if still is None or still.n_seeds < 2:
        return frozenset()
    return frozenset(name for name, effect in effects.items() if effect.ms_err > MOVES * still.ms_err)


def _least_significant(effect: Effect, n_seeds: int, alpha: float) -> Floats:
    """The smallest significant mean in each of several equally likely studies of the arm with `n_seeds` seeds."""
    spread = chi_square_quantiles((np.arange(_N_OUTCOMES) + 0.5) / _N_OUTCOMES, n_seeds - 1.0) / (n_seeds - 1.0)
    user_variance, prior = effect.user_sd**2, _prior_at(effect, n_seeds)
    judged: list[tuple[float, float]] = []
    for ms_seed in (effect.ms_tilde * spread).tolist():
        outcome = Anova(
            n_seeds=n_seeds,
            n_users=effect.n_users,
            mean=0.0,
            seed_means=(),
            ms_seed=ms_seed,
            ms_user=n_seeds * user_variance + effect.ms_err,
            ms_err=effect.ms_err,
        )
        judged.append(error_of(outcome, prior, user_variance=user_variance)[:2])
    se, df = np.array(judged).T
    return t_quantiles(1.0 - alpha / 2.0, df) * se
