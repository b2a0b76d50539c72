"""Estimates of many studies at once, by the formulas of :mod:`harness.stats.effects` and by common methods."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
from scipy import special as _special
from scipy import stats as _stats

from benchmarks.calibration.worlds import Floats, Squares, World
from harness.stats.distributions import expected_lowest
from harness.stats.effects import FLOOR, KEPT, MIN_TESTED, TRUST, TRUST_POWER, TRUST_SHARE

special, stats = cast("Any", _special), cast("Any", _stats)


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """Standard errors and degrees of freedom of many studies, each ``(n_studies, n_arms)``."""

    mean: Floats
    se: Floats
    df: Floats

    def p(self, effect: Floats | float = 0.0) -> Floats:
        """Two-sided p-values if the true effects are `effect`."""
        return 2.0 * stats.t.sf(np.abs((self.mean + effect) / self.se), self.df)

    def half(self, level: float) -> Floats:
        """Half-widths of two-sided intervals at the given level."""
        return stats.t.ppf(0.5 + level / 2.0, self.df) * self.se

    def of(self, arms: slice) -> Estimate:
        """The estimate restricted to some arms."""
        return Estimate(mean=self.mean[:, arms], se=self.se[:, arms], df=self.df[:, arms])


def moderated(found: Squares, world: World, *, graded: bool = True) -> Estimate:
    """The report's estimate; if not `graded`, an arm noisier than the study borrows as much as any other."""
    own, df, n_all = found.ms_seed / found.ms_err, world.n_seeds - 1.0, world.n_arms + 1
    if world.n_seeds < MIN_TESTED:
        shared = found.ms_err * np.maximum(own.mean(axis=1, keepdims=True), 1.0)
        return _satterthwaite(found, world, shared, np.full_like(own, TRUST_SHARE * n_all))
    n_kept = min(max(int(KEPT * n_all), 1), n_all - 1)
    lowest = np.sort(own, axis=1)[:, :n_kept].mean(axis=1, keepdims=True)
    common = np.maximum(1.0, lowest / expected_lowest((df,) * n_all, n_kept))
    likely = np.minimum(1.0, 2.0 * special.chdtrc(df, own / common * df)) if graded else 1.0
    most = min(TRUST * (world.n_seeds - 2), TRUST_SHARE * df * (n_all - 1))
    borrowed = np.full_like(own, most) * likely ** (TRUST_POWER / df)
    pooled = (borrowed * common + df * own) / (borrowed + df)
    floored = np.maximum(borrowed, FLOOR * (world.n_seeds - 2) - df)
    return _satterthwaite(
        found, world, found.ms_err * np.maximum(pooled, 1.0), np.where(pooled > 1.0, borrowed, floored)
    )


def plain(found: Squares, world: World) -> Estimate:
    """Each arm alone, with its seeds' mean square floored at that of the residual."""
    tilde = np.maximum(found.ms_seed, found.ms_err)
    return _satterthwaite(found, world, tilde, np.zeros_like(tilde))


def pooled_cells(found: Squares, world: World) -> Estimate:
    """All S x U differences, treated as independent."""
    n_seeds, n_users = world.n_seeds, world.n_users
    df = n_seeds * n_users - 1.0
    total = (n_seeds - 1) * found.ms_seed + (n_users - 1) * (found.ms_user + (n_seeds - 1) * found.ms_err)
    return Estimate(mean=found.mean, se=np.sqrt(total / df / (n_seeds * n_users)), df=np.full_like(total, df))


def users_of_one_seed(found: Squares, world: World) -> Estimate:
    """The first seed alone, tested over its users."""
    within = (found.ms_user + (world.n_seeds - 1) * found.ms_err) / world.n_seeds
    df = np.full_like(within, world.n_users - 1.0)
    return Estimate(mean=found.first, se=np.sqrt(within / world.n_users), df=df)


def users_averaged_over_seeds(found: Squares, world: World) -> Estimate:
    """Each user's mean over seeds, tested over the users."""
    df = np.full_like(found.mean, world.n_users - 1.0)
    return Estimate(mean=found.mean, se=np.sqrt(found.ms_user / (world.n_seeds * world.n_users)), df=df)


RIVALS: dict[str, Callable[[Squares, World], Estimate]] = {
    "plain": plain,
    "ungraded": lambda found, world: moderated(found, world, graded=False),
    "pooled": pooled_cells,
    "one seed": users_of_one_seed,
    "averaged": users_averaged_over_seeds,
}


def _satterthwaite(found: Squares, world: World, tilde: Floats, prior_df: Floats) -> Estimate:
    n_seeds, n_users = world.n_seeds, world.n_users
    users = np.maximum(found.ms_user - found.ms_err, 0.0)
    total = tilde + users
    spread = np.square(tilde) / (prior_df + n_seeds - 1.0)
    vary = np.square(users + found.ms_err) / (n_users - 1) + np.square(found.ms_err) / ((n_seeds - 1) * (n_users - 1))
    spread = spread + np.where(users > 0.0, vary, 0.0)
    with np.errstate(divide="ignore"):
        df = np.square(total) / spread
    return Estimate(
        mean=found.mean,
        se=np.sqrt(total / (n_seeds * n_users)),
        df=np.maximum(df, n_seeds - 1.0),
    )
