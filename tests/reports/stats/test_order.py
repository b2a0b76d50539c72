"""The order of the arms allows for the base that all of them are compared to."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy import stats

from harness.results.deltas import Deltas
from harness.stats.effects import study_effects
from reports.stats.ranking import joint_draws, rank


def against(base: np.ndarray, arms: dict[str, np.ndarray]) -> dict[str, Deltas]:
    return {
        name: Deltas(
            row=name,
            replicates=tuple(range(len(base))),
            values=values - base,
            reference=base.mean(axis=1),
        )
        for name, values in arms.items()
    }


def best_of(means: np.ndarray, covariance: np.ndarray) -> list[float]:
    """Chance of each of these and of 0 to be the largest, by orthants of the multivariate normal."""
    everyone = np.append(means, 0.0)
    joint = np.zeros((len(everyone), len(everyone)))
    joint[:-1, :-1] = covariance
    chances = []
    for first in range(len(everyone)):
        contrast = np.delete(-np.eye(len(everyone)), first, axis=0)
        contrast[:, first] = 1.0
        spread = contrast @ joint @ contrast.T
        normal: Any = stats.multivariate_normal
        chances.append(float(normal(np.zeros(len(spread)), spread).cdf(contrast @ everyone)))
    return chances


def test_without_a_least_effect_the_chance_is_that_of_the_joint_normal_with_the_covariance_of_the_users() -> None:
    rng = np.random.default_rng(0)
    n_seeds, n_users = 8, 4000
    base = 2.0 * rng.standard_normal((n_seeds, n_users))
    arms = {name: shift + rng.standard_normal(base.shape) for name, shift in (("a", 0.010), ("b", 0.016), ("c", 0.012))}
    deltas = against(base, arms)
    places = rank(deltas, study_effects(deltas), seed=3)
    cells = np.stack([deltas[name].values.ravel() for name in "abc"])
    means, covariance = cells.mean(axis=1), np.cov(cells) / cells.shape[1]
    expected = best_of(means, covariance)
    found = [places[name].p_worthwhile for name in ("a", "b", "c", "base")]
    assert found == pytest.approx(expected, abs=0.03)
    # Were the estimates taken as independent, the same figures would be wrong by far more than that.
    alone = best_of(means, np.diag(np.diag(covariance)))
    assert max(abs(one - two) for one, two in zip(found, alone, strict=True)) > 0.1


def test_arms_that_differ_by_a_constant_have_a_certain_order_however_noisy_base_is() -> None:
    rng = np.random.default_rng(1)
    base, arm = rng.standard_normal((2, 3, 500))
    arm -= (arm - base).mean()
    arms = {"low": arm - 0.01, "middle": arm, "high": arm + 0.01}
    deltas = against(base, arms)
    effects = study_effects(deltas)
    assert all(low < 0.0 < high for low, high in (effect.interval() for effect in effects.values()))
    places = rank(deltas, effects, seed=0)
    assert places["low"].p_worthwhile < 0.02
    assert places["middle"].p_worthwhile < 0.1
    assert places["high"].p_worthwhile + places["base"].p_worthwhile > 0.9


def test_joint_draws_have_the_estimates_and_their_errors_in_the_order_of_names() -> None:
    rng = np.random.default_rng(2)
    base = rng.standard_normal((5, 800))
    deltas = against(base, {name: rng.standard_normal(base.shape) for name in "cab"})
    effects = study_effects(deltas)
    draws = joint_draws(deltas, effects, seed=1)
    assert draws.mean(axis=0) == pytest.approx([effects[name].mean for name in "abc"], abs=0.003)
    # A t variable is wider than its standard error by df / (df - 2) in variance.
    wider = [1.0 / (1.0 - 2.0 / effects[name].df) for name in "abc"]
    errors = [effects[name].se for name in "abc"]
    assert draws.std(axis=0) == pytest.approx(np.sqrt(wider) * errors, rel=0.05)
