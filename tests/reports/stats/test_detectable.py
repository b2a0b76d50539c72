"""The two minimum detectable effects, of arms that move ranks and of the others, in the terminal and on the page."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from harness.results.reading import read_frame
from harness.results.seeds import Seeds
from reports.output.terminal import detectable_effect, detectable_line
from reports.stats.analysis import analyse
from reports.stats.noise import minimum_detectable
from tests.reports import worlds
from tests.reports.pages import reported
from tests.reports.worlds import Arm

FEW = {"idle": Arm(touched=0.05), "still": Arm(touched=0.08), "moves": Arm(touched=1.0), "stirs": Arm(touched=1.0)}


def test_arms_that_move_ranks_have_a_figure_of_their_own(tmp_path: Path) -> None:
    calm = {"a/a": Arm(touched=0.05, family="", priority="-"), **FEW}
    folder = worlds.study(tmp_path / "few", calm, n_users=400)
    found = detectable_effect(folder, n_seeds=3)
    assert found is not None
    assert found.idle is not None
    assert found.moving is not None
    assert found.idle < 0.5 * found.moving
    assert found.idle <= found.corrected <= found.moving
    more = detectable_effect(folder, n_seeds=6)
    assert more is not None
    assert more.moving is not None
    assert more.moving < found.moving
    line = detectable_line(found, "ndcg@10")
    assert f"{found.moving:.5f} for arms that change ranks, {found.idle:.5f} for the others" in line
    method = reported(folder)["method"]
    assert (method["detectable_idle"], method["detectable_moving"]) == (found.idle, found.moving)
    said = dict(method["paragraphs"])["Minimum detectable effect"]
    assert "for arms that change ranks" in said


def test_where_all_arms_are_alike_there_is_one_figure(tmp_path: Path) -> None:
    found = detectable_effect(worlds.study(tmp_path / "alike", {"a": Arm(), "b": Arm()}, n_users=300), n_seeds=3)
    assert found is not None
    assert (found.idle, found.moving) == (None, None)
    assert "move ranks" not in detectable_line(found, "ndcg@10")
    assert detectable_effect(worlds.study(tmp_path / "two", {"a": Arm()}, n_users=300), n_seeds=2) is None


def test_a_study_with_looks_could_find_what_its_last_seed_finds(tmp_path: Path) -> None:
    """As ``plan`` says of the same records, however few seeds the arms were stopped with."""
    folder = worlds.study(tmp_path / "looks", FEW, n_users=400)
    seeds = Seeds(start=3, most=10, set_aside=dict.fromkeys(FEW, 3), ended=True)
    fixed = analyse(read_frame(folder))
    folder.write_manifest(replace(folder.manifest(), seeds=seeds.described()))
    found, planned = analyse(read_frame(folder)), detectable_effect(folder, n_seeds=10)
    assert planned is not None
    assert (found.detectable_one, found.detectable_all) == (planned.alone, planned.corrected)
    assert (found.detectable_idle, found.detectable_moving) == (planned.idle, planned.moving)
    for name, verdict in found.verdicts.items():
        assert verdict.detectable == minimum_detectable(found.effects[name], n_tests=len(FEW), n_seeds=10)
        assert (verdict.detectable or 1.0) < 0.7 * (fixed.verdicts[name].detectable or 0.0)
    method = reported(folder)["method"]
    said = dict(method["paragraphs"])["Minimum detectable effect"]
    assert "These values are for 10 seeds" in said
    assert "a few points of power" in said
