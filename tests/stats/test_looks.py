"""The rule of who gets another seed: the formula, what it means, and what it does where there is little to go by."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from harness.results.deltas import Deltas
from harness.stats.effects import Effect, study_effects
from harness.stats.looks import (
    EQUIVALENCE,
    LEAST_CHANCE,
    chance_of_equivalence,
    chance_to_decide,
    is_equivalent,
    paired,
    stops,
    variance_at,
)
from reports.stats.noise import project


def crossed(rng: np.random.Generator, mean: float, *, n_seeds: int = 4, n_users: int = 400) -> np.ndarray:
    users, seeds = 0.05 * rng.standard_normal(n_users), 0.01 * rng.standard_normal((n_seeds, 1))
    return mean + users + seeds + 0.3 * rng.standard_normal((n_seeds, n_users))


def effects(*means: float, n_seeds: int = 4) -> dict[str, Effect]:
    rng = np.random.default_rng(7)
    deltas = {
        f"arm{place}": Deltas.of(
            f"arm{place}", tuple(range(n_seeds)), crossed(rng, mean, n_seeds=n_seeds), np.zeros((n_seeds, 400))
        )
        for place, mean in enumerate(means)
    }
    return dict(study_effects(deltas))


def test_the_variance_at_more_seeds_is_that_of_the_standard_error() -> None:
    for effect in effects(0.0, 0.02, -0.03).values():
        assert math.sqrt(variance_at(effect, effect.n_seeds)) == pytest.approx(effect.se)
        for n_seeds in (5, 10, 200):
            assert math.sqrt(variance_at(effect, n_seeds)) == pytest.approx(project(effect, n_seeds)[0])


def test_the_chance_is_the_formula_of_the_specification() -> None:
    for effect in effects(0.0, 0.02, -0.03).values():
        now, last, critical = effect.se**2, project(effect, 10)[0] ** 2, float(stats.norm.ppf(1.0 - 0.025 / 3))
        spread = math.sqrt(now - last)
        by_hand = stats.norm.cdf(-(critical * math.sqrt(last) - effect.mean) / spread) + stats.norm.cdf(
            (-critical * math.sqrt(last) - effect.mean) / spread
        )
        assert chance_to_decide(effect, critical=critical, most=10) == pytest.approx(by_hand)


def test_the_chance_is_how_often_the_last_seed_decides() -> None:
    """True effects as likely as the estimate makes them, then the seeds that are left."""
    effect = effects(0.012)["arm0"]
    rng, n = np.random.default_rng(0), 200_000
    last = variance_at(effect, 12)
    true = effect.mean + effect.se * rng.standard_normal(n)
    # The estimate at the end is the mean of what is there and what comes, weighted by how well each is known.
    coming = 1.0 / (1.0 / last - 1.0 / effect.se**2)
    more = true + math.sqrt(coming) * rng.standard_normal(n)
    end = last * (effect.mean / effect.se**2 + more / coming)
    decided = float((np.abs(end) > 2.5 * math.sqrt(last)).mean())
    assert chance_to_decide(effect, critical=2.5, most=12) == pytest.approx(decided, abs=0.005)


def test_clear_arms_go_on_and_hopeless_ones_stop_in_the_order_given() -> None:
    one = effects(0.0)["arm0"]
    found = {name: replace(one, mean=mean) for name, mean in (("a", 0.0), ("b", 0.1), ("c", 0.001), ("d", -0.1))}
    assert stops(found, most=10, sesoi=0.0, n_looks=7) == {"a": "futile", "c": "futile"}
    assert stops({}, most=10, sesoi=0.0, n_looks=7) == {}


def test_more_arms_and_fewer_seeds_to_come_stop_sooner() -> None:
    effect = effects(0.0)["arm0"]
    effect = replace(effect, mean=1.5 * effect.se)
    by_seeds = [chance_to_decide(effect, critical=2.7, most=most) for most in (5, 8, 20, 60)]
    by_arms = [chance_to_decide(effect, critical=critical, most=10) for critical in (2.2, 2.7, 3.3)]
    assert by_seeds == sorted(by_seeds)
    assert by_arms == sorted(by_arms, reverse=True)
    assert by_seeds[0] < LEAST_CHANCE < by_seeds[-1]


def test_an_idle_arm_goes_on_until_it_is_equivalent_where_seeds_can_show_it() -> None:
    one = replace(effects(0.0)["arm0"], mean=0.0)
    final = math.sqrt(variance_at(one, 10))
    for sesoi, why in ((0.5 * final, "futile"), (2.5 * final, None), (50.0 * one.se, "equivalent")):
        assert stops({"idle": one}, most=10, sesoi=sesoi, n_looks=7).get("idle") == why
    assert is_equivalent(one, 50.0 * one.se, 7)
    assert not is_equivalent(one, 2.5 * final, 7)


def test_the_chance_of_equivalence_is_how_often_the_last_estimate_lies_inside() -> None:
    effect = effects(0.012)["arm0"]
    last = variance_at(effect, 12)
    sesoi = abs(effect.mean) + 2.0 * math.sqrt(last)
    ends = effect.mean + math.sqrt(effect.se**2 - last) * np.random.default_rng(0).standard_normal(200_000)
    inside = np.abs(ends) < sesoi - float(stats.norm.ppf(1.0 - EQUIVALENCE)) * math.sqrt(last)
    assert chance_of_equivalence(effect, sesoi, most=12) == pytest.approx(float(inside.mean()), abs=0.005)


def test_an_effect_without_error_is_decided_or_never_will_be() -> None:
    exact = replace(effects(0.02)["arm0"], se=0.0, ms_tilde=0.0)
    found = {"up": exact, "nothing": replace(exact, mean=0.0)}
    assert stops(found, most=10, sesoi=0.0, n_looks=7) == {"nothing": "futile"}


def test_an_arm_of_too_few_seeds_is_not_judged() -> None:
    assert stops(effects(0.0, 0.0, 0.0, n_seeds=2), most=10, sesoi=0.0, n_looks=7) == {}


def test_differences_are_paired_where_both_have_finished() -> None:
    base = {0: np.array([0.0, 1.0]), 2: np.array([1.0, 1.0])}
    found = paired({"some": {0: np.ones(2), 1: np.ones(2), 2: np.zeros(2)}, "none": {1: np.ones(2)}}, base)
    assert list(found) == ["some"]
    assert found["some"].replicates == (0, 2)
    np.testing.assert_array_equal(found["some"].values, [[1.0, 0.0], [-1.0, -1.0]])
    np.testing.assert_array_equal(found["some"].reference, [0.5, 1.0])
