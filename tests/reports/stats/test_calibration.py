"""How often the report is wrong where the truth is known; the benchmark that measures it judges as the report does."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import stats

from benchmarks.calibration.estimates import RIVALS, moderated, plain
from benchmarks.calibration.rates import measure, plain_differences, simultaneous, two_seeds
from benchmarks.calibration.worlds import Squares, World, draw, families, worlds
from harness.results.deltas import Deltas
from harness.results.metrics import metric_values
from harness.stats.effects import anova, study_effects
from tests.reports.worlds import ranks_of

NOISE = 0.004
PRINTED = 0.02
DOCS = Path(__file__).resolve().parents[3] / "docs" / "statistics.md"


def squares_of(values: np.ndarray) -> Squares:
    found = [anova(arm) for arm in values]
    return Squares(
        mean=np.array([[each.mean for each in found]]),
        first=values.mean(axis=2)[None, :, 0],
        ms_seed=np.array([[each.ms_seed for each in found]]),
        ms_user=np.array([[each.ms_user for each in found]]),
        ms_err=np.array([[each.ms_err for each in found]]),
    )


def deltas_of(values: np.ndarray) -> dict[str, Deltas]:
    return {
        f"{arm:02d}": Deltas(row=f"{arm:02d}", replicates=tuple(range(len(each))), values=each, reference=np.ones(1))
        for arm, each in enumerate(values)
    }


@pytest.mark.parametrize("n_seeds", [2, 3, 5])
@pytest.mark.parametrize("n_arms", [4, 12])
@pytest.mark.parametrize("noisy_sd", [0.0, 0.05])
def test_many_studies_at_once_are_estimated_as_the_report_does(n_seeds: int, n_arms: int, noisy_sd: float) -> None:
    world = World(n_seeds=n_seeds, n_arms=n_arms, n_users=150, noisy_sd=noisy_sd, seed_sd=0.01)
    for seed in range(4):
        values = plain_differences(world, np.random.default_rng(seed))
        found = moderated(squares_of(values), world)
        effects = list(study_effects(deltas_of(values)).values())
        assert found.se[0] == pytest.approx([effect.se for effect in effects], rel=1e-8)
        assert found.df[0] == pytest.approx([effect.df for effect in effects], rel=1e-6)
        alone = [study_effects({"a": deltas})["a"] for deltas in deltas_of(values).values()]
        assert plain(squares_of(values), world).se[0] == pytest.approx([effect.se for effect in alone], rel=1e-8)
        if n_seeds > 2:
            assert found.p()[0] == pytest.approx([effect.p for effect in effects], rel=1e-6)
            by_itself = plain(squares_of(values), world)
            assert by_itself.p()[0] == pytest.approx([effect.p for effect in alone], rel=1e-8)


def test_common_ways_are_what_their_names_say() -> None:
    world = World(n_seeds=4, n_users=60)
    values = plain_differences(world, np.random.default_rng(0))
    found = squares_of(values)
    pooled = [stats.ttest_1samp(arm.ravel(), 0.0).pvalue for arm in values]
    averaged = [stats.ttest_1samp(arm.mean(axis=0), 0.0).pvalue for arm in values]
    assert RIVALS["pooled"](found, world).p()[0] == pytest.approx(pooled)
    assert RIVALS["averaged"](found, world).p()[0] == pytest.approx(averaged)


def test_drawn_squares_are_distributed_as_those_of_plain_differences() -> None:
    world = World(n_seeds=3, n_users=80, seed_sd=0.03, noisy_sd=0.2, user_sd=0.2, shared=0.0)
    rng = np.random.default_rng(1)
    drawn = draw(world, 4000, rng)
    plainly = [squares_of(plain_differences(world, rng)) for _ in range(500)]
    for name in ("mean", "first", "ms_seed", "ms_user", "ms_err"):
        one = getattr(drawn, name)
        other = np.concatenate([getattr(each, name) for each in plainly])
        for arm in (0, 1):
            assert stats.ks_2samp(one[:, arm], other[:, arm]).pvalue > 0.002, name


def test_arms_that_share_base_go_together() -> None:
    drawn = draw(World(n_seeds=3, seed_sd=0.02, shared=0.5), 6000, np.random.default_rng(2))
    assert np.corrcoef(drawn.mean[:, 0], drawn.mean[:, 5])[0, 1] == pytest.approx(0.5, abs=0.05)
    assert np.corrcoef(drawn.ms_err[:, 0], drawn.ms_err[:, 5])[0, 1] == pytest.approx(0.25, abs=0.05)


def about(percent: float) -> Any:
    """Rare events are many draws; a power is that at the smallest effect found, itself the mean over few studies."""
    return pytest.approx(percent, abs=2.0 if percent < 50.0 else 4.0)


def printed(world: World) -> list[Any]:
    """What ``docs/statistics.md`` prints of a world, each line up to the noise of a shorter simulation."""
    start = f"| {world.n_seeds} | {world.name} | "
    lines = (line for line in DOCS.read_text(encoding="utf-8").splitlines() if line.startswith(start))
    return [[about(float(cell)) for cell in line.removeprefix(start).strip(" |").split(" | ")] for line in lines]


@pytest.mark.slow
@pytest.mark.parametrize("world", [*worlds(), *families()], ids=lambda world: f"{world.n_seeds} seeds, {world.name}")
def test_errors_are_as_rare_as_they_are_said_to_be(world: World) -> None:
    found = measure(world, 10_000, seed=0)
    # The worst of many arms is read off a simulation: its noise is a quarter of a percent.
    assert found.worst <= 0.07 + NOISE
    assert found.coverage >= 0.93 - NOISE
    assert found.family <= 0.05 + NOISE
    assert found.equivalence <= 0.05 + NOISE
    assert found.power_alone == pytest.approx(0.8, abs=0.1 + PRINTED)
    assert found.power_corrected == pytest.approx(0.8, abs=0.1 + PRINTED)
    errors = (found.worst, found.mean, found.coverage, found.family, found.equivalence)
    assert [100.0 * each for each in (*errors, found.power_alone, found.power_corrected)] in printed(world)
    if world in worlds():
        assert [100.0 * found.worst, *(100.0 * each for each in found.rivals.values())] in printed(world)


@pytest.mark.slow
@pytest.mark.parametrize("n_seeds", [3, 5])
def test_simultaneous_intervals_hold_and_seldom_contradict_holm(n_seeds: int) -> None:
    found = simultaneous(World(n_seeds=n_seeds, seed_sd=0.02, noisy_sd=0.08, n_users=200), 400, seed=0)
    assert found.coverage >= 0.93
    assert 0.01 < found.narrower < 0.05
    assert found.only_interval < 0.01


def test_two_seeds_cover_unless_an_arm_is_noisier_than_the_rest() -> None:
    first, others = two_seeds(World(n_seeds=2, seed_sd=0.008), 2_000, seed=0)
    assert min(first, others) > 0.92
    noisy, others = two_seeds(World(n_seeds=2, noisy_sd=0.02), 2_000, seed=0)
    assert noisy < 0.93 < others


@pytest.mark.slow
def test_common_ways_are_wrong_where_seeds_differ() -> None:
    found = measure(World(n_seeds=5, seed_sd=0.008), 4_000, seed=0).rivals
    assert min(found["pooled"], found["one seed"], found["averaged"]) > 0.15
    noisy = measure(World(n_seeds=3, seed_sd=0.004, noisy_sd=0.02), 4_000, seed=0).rivals
    assert noisy["ungraded"] > 0.2


@pytest.mark.slow
@pytest.mark.parametrize(("n_seeds", "seed_sd"), [(3, 0.0), (3, 0.1), (5, 0.0), (5, 0.1), (10, 0.1)])
def test_ranks_that_are_far_from_normal_do_no_harm(n_seeds: int, seed_sd: float) -> None:
    """NDCG@10 of simulated ranks, where most users gain nothing; base has a seed effect like its arms'."""
    rng = np.random.default_rng([n_seeds, int(10 * seed_sd)])
    n_studies, n_users, n_rows = 2_000, 500, 10
    wrong = np.zeros(n_rows - 1)
    for _ in range(n_studies):
        users = 0.85 * rng.standard_normal(n_users) + 0.5 * rng.standard_normal((n_seeds, n_users))
        score = users + 0.25 * rng.standard_normal((n_rows, n_seeds, n_users))
        score += seed_sd * rng.standard_normal((n_rows, n_seeds, 1))
        level = metric_values(ranks_of(score), "ndcg@10")
        effects = study_effects(deltas_of(level[1:] - level[0]))
        wrong += [effect.p is not None and effect.p < 0.05 for effect in effects.values()]
    assert wrong.max() / n_studies <= 0.07
    assert wrong.mean() / n_studies <= 0.055
