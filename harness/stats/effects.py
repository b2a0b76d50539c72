"""The estimate of an effect over seeds and users, its standard error and its degrees of freedom.

The model is ``delta[s, u] = D + seed_s + user_u + e[s, u]`` with crossed random effects.  Everything here is a pure
function of the paired differences.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from harness.results.deltas import Deltas
from harness.results.text import ByRow
from harness.stats.distributions import chi_square_tail, expected_lowest, t_quantile, two_sided_p

Floats = NDArray[np.float64]
Method = Literal["moderated", "plain", "two seeds", "one seed", "exact"]

MIN_MODERATED = 3
"""Minimum number of arms with an estimable ratio; with fewer, no arm borrows from the others."""
MIN_TESTED = 3
"""Minimum seeds for an arm to be tested."""
KEPT = 0.9
"""Share of the arms, with the lowest ratios, from which the common ratio is estimated."""
TRUST = 10.0
"""Maximum degrees of freedom that an arm borrows, per seed beyond two."""
TRUST_SHARE = 1.0 / 3.0
"""The same as a share of the other arms' degrees of freedom, because arms that share base are correlated."""
TRUST_POWER = 12.0
"""How fast borrowing falls if an arm's ratio is higher than by chance, over the arm's own degrees of freedom."""
FLOOR = 20.0
"""Degrees of freedom of an arm that uses the residual variance, per seed beyond two."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Anova:
    """Result of a two-way analysis of variance without replication of ``(n_seeds, n_users)`` differences.

    Attributes:
        mean: the grand mean.
        seed_means: ``(n_seeds,)``.
        ms_seed, ms_user, ms_err: mean squares; ``ms_seed`` and ``ms_err`` are 0 for one seed.
    """

    n_seeds: int
    n_users: int
    mean: float
    seed_means: tuple[float, ...]
    ms_seed: float
    ms_user: float
    ms_err: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Prior:
    """The estimate of ``MS_seed / MS_err`` from all arms of a study.

    Attributes:
        ratio: the common ratio, without the noisiest 10% of the arms; at least 1.
        mean_ratio: mean over all arms, at least 1; used by arms with two seeds.
        df: sum of the arms' own degrees of freedom.
        n_arms: number of arms that it was estimated from.
    """

    ratio: float
    mean_ratio: float
    df: float
    n_arms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimated:
    """A mean with its standard error and degrees of freedom.

    Attributes:
        mean: in units of the metric.
        se, df: standard error of the mean and Satterthwaite's degrees of freedom.
    """

    mean: float
    se: float
    df: float

    def interval(self, level: float = 0.95) -> tuple[float, float]:
        """Return the two-sided t interval at ``level``."""
        half = t_quantile(0.5 + level / 2.0, self.df) * self.se if self.se else 0.0
        return self.mean - half, self.mean + half


@dataclass(frozen=True, slots=True, kw_only=True)
class Effect(Estimated):
    """The effect of one arm, with what its interval, its test and the projection to more seeds need.

    Attributes:
        reference: base's mean of the metric on the same replicates.
        ms_tilde: the moderated mean square of seeds, with its lower bound applied.
        prior_df: degrees of freedom borrowed from the other arms; 0: none.
        prior: the study's prior, even if this arm did not borrow from it.
        p: two-sided p-value against no effect; None below three seeds.
        method: ``moderated`` (borrows according to how well its ratio fits the other arms), ``plain`` (too few arms),
            ``two seeds`` (assumes that no arm is noisier than the rest), ``one seed`` (users only) or ``exact`` (all
            differences are equal, so there is no error to estimate).
    """

    row: str
    replicates: tuple[int, ...]
    n_users: int
    reference: float
    seed_means: tuple[float, ...]
    ms_seed: float
    ms_user: float
    ms_err: float
    ms_tilde: float
    prior_df: float
    p: float | None
    method: Method
    prior: Prior | None = None

    def __repr__(self) -> str:
        low, high = self.interval()
        p = "" if self.p is None else f", p={self.p:.2g}"
        return f"Effect({self.row!r}, {self.mean:+.5f} [{low:+.5f}, {high:+.5f}]{p}, {self.n_seeds} seeds)"

    @property
    def n_seeds(self) -> int:
        return len(self.replicates)

    @property
    def user_sd(self) -> float:
        """Standard deviation of the true effect between users."""
        return math.sqrt(max(self.ms_user - self.ms_err, 0.0) / self.n_seeds)

    @property
    def seed_sd(self) -> float:
        """Standard deviation of the true effect between seeds, after moderation."""
        return math.sqrt(max(self.ms_tilde - self.ms_err, 0.0) / self.n_users)

    @property
    def error_sd(self) -> float:
        return math.sqrt(self.ms_err)

    @property
    def relative(self) -> float | None:
        """The effect as a fraction of base; None if base is 0."""
        return self.mean / self.reference if self.reference else None


def anova(values: Floats) -> Anova:
    """Return the mean squares of ``(n_seeds, n_users)`` differences, in linear time."""
    n_seeds, n_users = values.shape
    mean = float(values.mean())
    by_seed, by_user = values.mean(axis=1), values.mean(axis=0)
    # Sums of exactly equal terms leave rounding residues, which must not count as variance.
    dust = (1e-13 * float(np.abs(values).max(initial=0.0))) ** 2
    residual = values - by_seed[:, None] - by_user[None, :] + mean

    def mean_square(squares: float, df: int) -> float:
        return squares / df if df > 0 and squares / df > dust else 0.0

    return Anova(
        n_seeds=n_seeds,
        n_users=n_users,
        mean=mean,
        seed_means=tuple(float(value) for value in by_seed),
        ms_seed=mean_square(n_users * float(np.square(by_seed - mean).sum()), n_seeds - 1),
        ms_user=mean_square(n_seeds * float(np.square(by_user - mean).sum()), n_users - 1),
        ms_err=mean_square(float(np.square(residual).sum()), (n_seeds - 1) * (n_users - 1)),
    )


def study_prior(anovas: Mapping[str, Anova]) -> Prior | None:
    """Return the prior of a study's arms; None if fewer than three have an estimable ratio.

    The mean of the lowest ratios is divided by its expectation if all arms had a true ratio of 1.
    """
    usable = [found for found in anovas.values() if found.n_seeds > 1 and found.ms_err > 0.0]
    if len(usable) < MIN_MODERATED:
        return None
    ratios = np.sort([found.ms_seed / found.ms_err for found in usable])
    n_kept = min(max(int(KEPT * len(usable)), 1), len(usable) - 1)
    dfs = tuple(sorted(found.n_seeds - 1.0 for found in usable))
    return Prior(
        ratio=max(1.0, float(ratios[:n_kept].mean()) / expected_lowest(dfs, n_kept)),
        mean_ratio=max(1.0, float(ratios.mean())),
        df=sum(dfs),
        n_arms=len(usable),
    )


def graded(ratio: float, n_seeds: int, prior: Prior | None) -> tuple[float, float, Method]:
    """Return the ratio of mean squares that an arm's interval uses, the degrees of freedom it borrows, and the rule.

    An arm borrows more if its own ratio is likely under the prior.  If the pooled ratio is 1 or less, the residual
    variance is used, which is estimated precisely; because a noisy arm may be low by chance, its degrees of freedom
    are then set by :data:`FLOOR`.

    Args:
        ratio: the arm's own ``MS_seed / MS_err``.

    Returns:
        ``(ratio, prior_df, method)``; the ratio has ``prior_df + n_seeds - 1`` degrees of freedom.
    """
    df = n_seeds - 1.0
    if prior is None:
        return max(ratio, 1.0), 0.0, "plain"
    if n_seeds < MIN_TESTED:
        return prior.mean_ratio, TRUST_SHARE * prior.df, "two seeds"
    likely = min(1.0, 2.0 * chi_square_tail(ratio / prior.ratio * df, df))
    borrowed = min(TRUST * (n_seeds - 2), TRUST_SHARE * (prior.df - df)) * likely ** (TRUST_POWER / df)
    pooled = (borrowed * prior.ratio + df * ratio) / (borrowed + df)
    if pooled > 1.0:
        return pooled, borrowed, "moderated"
    return 1.0, max(borrowed, FLOOR * (n_seeds - 2) - df), "moderated"


def moderate(found: Anova, prior: Prior | None) -> tuple[float, float, Method]:
    """Return the mean square of seeds that an interval uses: :func:`graded` in squared units of the metric."""
    if found.ms_err == 0.0:
        return found.ms_seed, 0.0, "plain"
    ratio, prior_df, method = graded(found.ms_seed / found.ms_err, found.n_seeds, prior)
    return found.ms_err * ratio, prior_df, method


def standard_error(
    n_seeds: int, n_users: float, *, ms_tilde: float, prior_df: float, user_variance: float, ms_err: float
) -> tuple[float, float]:
    """Return the standard error of the mean over seeds and users, and Satterthwaite's degrees of freedom.

    The number of seeds is a separate argument so that the same formula projects a study to more seeds.

    Args:
        n_users: number of users; the mean over the seeds if each seed has its own users.
        user_variance: variance of the true effect between users, ``max(MS_user - MS_err, 0) / S``.
    """
    seed_df = prior_df + n_seeds - 1
    total = ms_tilde + n_seeds * user_variance
    if total <= 0.0:
        return 0.0, math.inf
    spread = ms_tilde**2 / seed_df
    if user_variance > 0.0:
        spread += (n_seeds * user_variance + ms_err) ** 2 / (n_users - 1)
        spread += ms_err**2 / ((n_seeds - 1) * (n_users - 1))
    df = total**2 / spread if spread > 0.0 else math.inf
    return math.sqrt(total / (n_seeds * n_users)), max(df, n_seeds - 1.0)


def error_of(
    found: Anova, prior: Prior | None, *, n_users: float | None = None, user_variance: float | None = None
) -> tuple[float, float, float, float, Method]:
    """Return the standard error and degrees of freedom of a mean, and the values they are computed from.

    Args:
        n_users: number of users; the mean over the seeds if each seed has its own users. None: as in ``found``.
        user_variance: variance of the true effect between users; None: estimated from the mean squares.

    Returns:
        ``(se, df, ms_tilde, prior_df, method)``, with :func:`moderate`'s last three.
    """
    n_users = found.n_users if n_users is None else n_users
    if found.n_seeds == 1:
        return math.sqrt(found.ms_user / n_users), n_users - 1.0, 0.0, 0.0, "one seed"
    ms_tilde, prior_df, method = moderate(found, prior)
    if user_variance is None:
        user_variance = max(found.ms_user - found.ms_err, 0.0) / found.n_seeds
    se, df = standard_error(
        found.n_seeds,
        n_users,
        ms_tilde=ms_tilde,
        prior_df=prior_df,
        user_variance=user_variance,
        ms_err=found.ms_err,
    )
    return se, df, ms_tilde, prior_df, method


def estimate(deltas: Deltas, found: Anova, prior: Prior | None) -> Effect:
    """Return the effect of one arm, with the study's prior or (None) without it."""
    se, df, ms_tilde, prior_df, method = error_of(found, prior)
    return Effect(
        row=deltas.row,
        replicates=deltas.replicates,
        n_users=found.n_users,
        mean=found.mean,
        reference=float(deltas.reference.mean()),
        seed_means=found.seed_means,
        ms_seed=found.ms_seed,
        ms_user=found.ms_user,
        ms_err=found.ms_err,
        ms_tilde=ms_tilde,
        prior_df=prior_df,
        se=se,
        df=df,
        p=p_value(found.mean, se, df) if found.n_seeds >= MIN_TESTED else None,
        method="exact" if se == 0.0 and method != "one seed" else method,
        prior=prior,
    )


def study_effects(deltas: Mapping[str, Deltas]) -> dict[str, Effect]:
    """Return the effect of each arm of one family of tests, with seed variances moderated across the arms.

    Pass the arms that changed any rank (:meth:`harness.results.frame.Frame.changed`) and the A/A row: an arm that
    changed nothing has no variance to estimate.
    """
    anovas = {name: anova(found.values) for name, found in deltas.items()}
    prior = study_prior(anovas)
    return ByRow({name: estimate(deltas[name], found, prior) for name, found in anovas.items()})


def p_value(mean: float, se: float, df: float) -> float:
    """Return the two-sided p-value against no effect; 0 or 1 if the standard error is 0."""
    if se > 0.0:
        return two_sided_p(mean / se, df)
    return 1.0 if mean == 0.0 else 0.0
