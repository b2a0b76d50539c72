"""The two minimum detectable effects, of arms that move ranks and of the others, in the terminal and on the page."""

from __future__ import annotations

import json
from pathlib import Path

from reports.output.files import write_report
from reports.output.terminal import detectable_effect, detectable_line
from tests.reports import worlds
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
    assert f"{found.moving:.5f} for arms that move ranks, {found.idle:.5f} for the others" in line
    write_report(folder)
    method = json.loads((folder.path / "report.json").read_text(encoding="utf-8"))["method"]
    assert (method["detectable_idle"], method["detectable_moving"]) == (found.idle, found.moving)
    said = dict(method["paragraphs"])["Minimum detectable effect"]
    assert "For arms that move ranks" in said


def test_where_all_arms_are_alike_there_is_one_figure(tmp_path: Path) -> None:
    found = detectable_effect(worlds.study(tmp_path / "alike", {"a": Arm(), "b": Arm()}, n_users=300), n_seeds=3)
    assert found is not None
    assert (found.idle, found.moving) == (None, None)
    assert "move ranks" not in detectable_line(found, "ndcg@10")
    assert detectable_effect(worlds.study(tmp_path / "two", {"a": Arm()}, n_users=300), n_seeds=2) is None
