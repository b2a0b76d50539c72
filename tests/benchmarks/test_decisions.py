"""The benchmark of decisions: its draws are plain differences, its verdicts the product's, and what it finds holds."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from benchmarks.decisions import first_edition
from benchmarks.decisions.looking import SESOIS, compare, errors, extended
from benchmarks.decisions.playing import effects_of, fixed, sequential, verdicts
from benchmarks.decisions.price import (
    Components,
    components_of,
    idle_first,
    idle_now,
    price_table,
    resolve_first,
    resolve_now,
    smallest,
)
from benchmarks.decisions.worlds import World, draw, draw_end
from harness.results.deltas import Deltas
from harness.results.seeds import Seeds, Stop
from harness.stats.effects import anova, study_effects
from reports.stats.set_aside import judged_at_end
from reports.stats.verdicts import judge
from tests.reports.worlds import Arm, study

WORLD = World(effects=(0.02, 0.0, 0.0), n_users=60, seed_sd=0.01, user_sd=0.1)


def test_draws_are_distributed_as_plain_differences_for_every_number_of_seeds() -> None:
    drawn = draw(WORLD, 5, 1500, np.random.default_rng(0))
    rng = np.random.default_rng(1)
    plain: dict[int, list[tuple[float, ...]]] = {2: [], 5: []}
    for _ in range(1500):
        seeds, users = 0.01 * rng.standard_normal((5, 1)), 0.1 * rng.standard_normal(60)
        values = 0.02 + seeds + users + 0.3 * rng.standard_normal((5, 60))
        for n_seeds, found in plain.items():
            one = anova(values[:n_seeds])
            found.append((one.mean, one.ms_seed, one.ms_user, one.ms_err))
    for n_seeds, found in plain.items():
        ours = [drawn.anova(place, 0, n_seeds) for place in range(1500)]
        mine = np.array([(each.mean, each.ms_seed, each.ms_user, each.ms_err) for each in ours])
        for column in range(4):
            assert stats.ks_2samp(mine[:, column], np.array(found)[:, column]).pvalue > 1e-3
    end = draw_end(WORLD, 5, 1500, np.random.default_rng(2))
    for name in ("mean", "ms_seed", "ms_user", "ms_err"):
        assert stats.ks_2samp(getattr(end, name)[:, 0, -1], getattr(drawn, name)[:, 0, -1]).pvalue > 1e-3
    correlation = np.corrcoef(drawn.mean[:, 1, -1], drawn.mean[:, 2, -1])[0, 1]
    assert correlation == pytest.approx(0.5, abs=0.08)


STOPPED: tuple[Mapping[str, Stop], ...] = ({}, {"b": "futile"}, {"a": "equivalent", "c": "futile"})


def test_estimates_and_verdicts_are_those_of_the_product() -> None:
    rng = np.random.default_rng(3)
    users = np.random.default_rng(4).standard_normal(80)
    for study_number in range(6):
        values = {
            row: shift + 0.1 * users + 0.02 * rng.standard_normal((4, 1)) + 0.3 * rng.standard_normal((4, 80))
            for row, shift in (("a", 0.2), ("b", 0.0), ("c", 0.01), ("a/a", 0.0))
        }
        deltas = {row: Deltas.of(row, tuple(range(4)), each, np.zeros((4, 80))) for row, each in values.items()}
        product = study_effects(deltas)
        ours = effects_of({row: anova(each) for row, each in values.items()})
        assert list(ours) == ["a", "b", "c"]
        for row, effect in ours.items():
            assert (effect.mean, effect.se, effect.df) == (product[row].mean, product[row].se, product[row].df)
        arms = {row: product[row] for row in ours}
        for sesoi in (0.0, 0.05, 0.5):
            for why in STOPPED:
                codes = verdicts(ours, sesoi, stopped=why)
                seeds = Seeds(start=3, most=10, set_aside=dict.fromkeys(why, 3), why=why)
                judged = judged_at_end(arms, seeds, partial(judge, sesoi=sesoi))
                assert codes == {row: each.code for row, each in judged.items()}, (study_number, sesoi, why)


def test_a_played_study_counts_its_cells() -> None:
    drawn = draw(replace(WORLD, effects=(0.5, 0.0, 0.0)), 8, 20, np.random.default_rng(0))
    for place in range(20):
        looked, plain = sequential(drawn, place, 3, 8, 0.0), fixed(drawn, place, 8, 0.0)
        assert looked.n_seeds["0"] == looked.n_backbones == 8
        assert looked.n_cells == sum(looked.n_seeds.values()) + 16
        assert (plain.n_cells, plain.n_backbones) == (40, 8)
        assert looked.codes["0"] == "better"
        assert set(looked.stopped) == {arm for arm, n in looked.n_seeds.items() if n < 8}


def test_an_arm_that_may_still_be_called_equivalent_costs_more_cells() -> None:
    """The default smallest effect worth having is played, not 0: with one target per user most arms run on for it."""
    ten, one, none = (compare(4, 3.0, 20, 0, sesoi=sesoi).n_cells for sesoi in (SESOIS[10], SESOIS[1], 0.0))
    assert one > ten + 8
    assert one > none + 8
    assert compare(4, 3.0, 2, 0).sesoi == SESOIS[10]


def test_the_first_edition_is_as_it_was() -> None:
    """Three arms and A/A of drawn mean squares: the figures that commit d77da7e gives of them."""
    drawn = draw_end(World(effects=(0.01, 0.0, 0.0)), 3, 4, np.random.default_rng(11))
    se, df = first_edition.first_edition(drawn, 3)
    np.testing.assert_allclose(se, FROZEN_SE, rtol=1e-6)
    np.testing.assert_allclose(df, FROZEN_DF, rtol=1e-5)


FROZEN_SE = [
    [0.0060101825, 0.005758882, 0.0062389223, 0.0057554844],
    [0.005755569, 0.011088495, 0.0057689283, 0.005980085],
    [0.0059229831, 0.0056893387, 0.005950283, 0.0059155667],
    [0.0066492804, 0.0065988149, 0.0072025663, 0.0068357451],
]
FROZEN_DF = [
    [12.139527, 2.0207492, 2.3697944, 9.8940331],
    [4.9919463, 2.0783386, 4.8538546, 5.694503],
    [651.00037, 639.41828, 668.15389, 640.60158],
    [1045.5325, 1024.0724, 2.4551567, 2.3446708],
]

COSTS = Components(
    base=0.06, n_users=943, seed_sd=0.0005, user_sd=0.01, error_sd=0.1, cell=20.0, evaluate=0.05, backbone=30.0
)


def test_the_smallest_number_of_seeds() -> None:
    assert smallest(lambda n: n / 100) == 80
    assert smallest(lambda n: 1.0) == 3
    assert smallest(lambda n: 0.5, most=100) is None


def test_a_decision_costs_less_than_it_did() -> None:
    given = {"n_arms": 4, "n_studies": 200, "seed": 0}
    first, now = resolve_first(COSTS, effect=0.05, **given), resolve_now(COSTS, effect=0.05, **given)
    assert first.power >= 0.8
    assert now.power >= 0.8
    assert now.seconds < 0.5 * first.seconds
    idle = idle_first(COSTS, sesoi=0.05, **given), idle_now(COSTS, sesoi=0.05, **given)
    assert idle[1].seconds < idle[0].seconds
    n_seeds = int(first.how.split()[0])
    assert first.seconds == pytest.approx(n_seeds * (6 * 20.05 + 30.0))
    table = price_table(COSTS, n_arms=3, n_studies=40, seed=0)
    assert table.count("\n") == 5


def test_components_are_read_from_a_study(tmp_path: Path) -> None:
    folder = study(tmp_path / "s", {name: Arm(seconds=30.0) for name in "abc"}, replicates=range(4), n_users=200)
    found = components_of(folder.path, backbone=12.0)
    assert found.n_users == 200
    assert found.backbone == 12.0
    assert found.cell == pytest.approx(30.5, abs=1.0)
    assert 0.01 < found.error_sd < 1.0
    assert components_of(folder.path).backbone == 0.0
    backbones = tmp_path / ".cache" / "backbones"
    backbones.mkdir(parents=True)
    records = folder.load_records(folder.manifest())
    for key, row, seconds in (("own", "base", 10.0), ("other", "a", 500.0)):
        described = json.dumps({"seconds": seconds, "provenance": {"threads": "2"}})
        header = json.dumps({"__metadata__": {"described": described}}).encode()
        (backbones / f"{key}.safetensors").write_bytes(len(header).to_bytes(8, "little") + header)
        for record in records[row].values():
            folder.records.write(replace(record, provenance={"backbone": key}))
    assert components_of(folder.path).backbone == 20.0  # seconds of two threads, of those under base alone


@pytest.mark.slow
def test_looks_keep_the_errors_and_find_more_with_as_many_cells() -> None:
    """Family and equivalence at most 5%, up to the noise of the simulation."""
    for world in (World(effects=(0.0,) * 8), World(effects=(0.0,) * 8, seed_sd=0.004, noisy_sd=0.02)):
        found = errors(world, 300, 0)
        noise = 2.0 * (0.05 * 0.95 / 300) ** 0.5
        assert found.family <= 0.05 + noise
        assert found.family <= found.family_fixed + 0.01
        assert found.equivalence <= 0.05 + noise / 8**0.5
    ten, one = (compare(8, 3.0, 150, 0, sesoi=SESOIS[targets]) for targets in (10, 1))
    assert ten.power > ten.power_fixed + 0.1
    assert ten.n_cells < 75
    assert one.power > one.power_fixed - 0.05
    assert 75 < one.n_cells < 97


@pytest.mark.slow
def test_seeds_added_until_something_is_found_find_too_much() -> None:
    world = World(effects=(0.0,) * 8, seed_sd=0.008)
    once, thrice = (extended(world, ends, 400, 0) for ends in ((3,), (3, 5, 10)))
    assert thrice > once
