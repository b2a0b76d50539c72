"""What more seeds would give the same arm, and how many would settle it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from harness.results.deltas import Deltas
from harness.stats.distributions import t_quantile, t_quantiles
from harness.stats.effects import Anova, Effect, Prior, estimate
from reports.stats.noise import project
from reports.stats.verdicts import seeds_to_settle

PRIOR = Prior(ratio=1.3, mean_ratio=1.5, df=40.0, n_arms=20)
SEEDS = (*range(3, 40), 60, 100, 500, 2000, 10_000)


def arm(
    ratio: float, *, n_seeds: int = 3, user_variance: float = 0.0, n_users: int = 900, prior: Prior | None
) -> Effect:
    """An arm whose seeds' mean square is that many times the residual's, 1."""
    found = Anova(
        n_seeds=n_seeds,
        n_users=n_users,
        mean=0.1,
        seed_means=(0.1,) * n_seeds,
        ms_seed=ratio,
        ms_user=1.0 + n_seeds * user_variance,
        ms_err=1.0,
    )
    deltas = Deltas(row="a", replicates=tuple(range(n_seeds)), values=np.empty((0, 0)), reference=np.ones(n_seeds))
    return estimate(deltas, found, prior)


def arms() -> list[Effect]:
    return [
        arm(ratio, n_seeds=n_seeds, user_variance=variance, n_users=n_users, prior=prior)
        for ratio in (0.0, 0.3, 0.9, 1.0, 1.2, 2.0, 4.0, 12.0, 60.0)
        for n_seeds in (3, 5)
        for variance in (0.0, 0.05, 1.0)
        for n_users in (60, 900, 22_000)
        for prior in (None, PRIOR, replace(PRIOR, ratio=1.0), replace(PRIOR, ratio=6.0))
    ]


def test_the_seeds_that_an_arm_has_give_its_own_error() -> None:
    for effect in arms():
        assert project(effect, effect.n_seeds) == pytest.approx((effect.se, effect.df))


def test_more_seeds_never_say_less() -> None:
    """Both parts of a decision: the margin of the corrected test and of equivalence.

    Degrees of freedom do not fall either, until they are those of the users, which they may reach from above.
    """
    for effect in arms():
        se, df = np.array([project(effect, n_seeds) for n_seeds in SEEDS if n_seeds >= effect.n_seeds]).T
        for level in (1.0 - 0.05 / 48.0, 0.96):
            assert (np.diff(t_quantiles(level, df) * se) < 0.0).all()
        assert (np.diff(df) >= 0.0)[df[:-1] < 0.9 * effect.n_users].all()


def test_the_number_that_is_named_is_the_fewest() -> None:
    """An arm of few degrees of freedom among calmer ones, with effects of many sizes, against a plain search."""
    named: list[int] = []
    for mean in np.linspace(0.05, 0.9, 30).tolist():
        effect = replace(arm(20.0, prior=PRIOR), mean=mean)
        assert effect.df < 2.5
        found, needs_targets = seeds_to_settle(effect, 24, 0.02)
        margins = (
            (n, t_quantile(1.0 - 0.05 / 48.0, df) * se) for n in range(3, 400) for se, df in [project(effect, n)]
        )
        plain = next((n for n, margin in margins if mean > margin), None)
        assert not needs_targets
        if plain is not None and plain > 3:
            assert found == plain
            named.append(plain)
    assert len(named) > 20
    assert named == sorted(named, reverse=True)
