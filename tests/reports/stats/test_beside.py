"""Log rank, guards and the parts of the variance, against plain loops and statsmodels."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from statsmodels.stats.multitest import multipletests

import reports
from harness.results.folder import StudyFolder
from harness.results.record import RunRecord
from harness.stats.effects import study_effects
from reports.output.files import write_report
from reports.output.terminal import answer_lines
from reports.sections.ranking.beside import variance_of
from reports.stats.analysis import analyse
from reports.stats.beside import log_rank_deltas
from tests.reports.pages import reported
from tests.reports.worlds import FOUR, Arm, study

N_USERS = 200


def run_of(folder: StudyFolder, key: str) -> RunRecord:
    found = folder.records.read(key)
    assert found is not None
    return found


def guarded(path: Path, *, also: bool = False) -> StudyFolder:
    """A study whose arm `sharp` brings 12 of 100 to the first place and loses all from 11 to 50.

    Args:
        also: whether an arm `safe` does the first alone, for fewer users.
    """
    arms = {"sharp": Arm(), "other": Arm(), **({"safe": Arm()} if also else {})}
    folder = study(path, arms, n_users=N_USERS, n_targets=3, guard=("recall@50",))
    manifest = folder.manifest()
    base = {number: run_of(folder, key) for number, key in manifest.rows[0].keys.items()}
    for row in manifest.rows:
        if row.name not in ("sharp", "safe"):
            continue
        for number, key in row.keys.items():
            record = base[number]
            ranks = record.test_on.copy()
            lifted = (np.random.default_rng(0).random(ranks.shape) < (0.12 if row.name == "sharp" else 0.08)) & (
                ranks > 0
            )
            if row.name == "sharp":
                ranks[(ranks > 10) & (ranks <= 50)] += 60
            ranks[lifted] = 1
            folder.records.write(replace(record, key=key, test_on=ranks))
    return folder


def test_the_log_rank_is_each_users_mean_over_the_whole_list(tmp_path: Path) -> None:
    frame = reports.read_frame(study(tmp_path / "s", FOUR, n_users=100, n_targets=3))
    found = log_rank_deltas(frame, ["js"])["js"]
    for number in range(3):
        pair = [frame.records[name][number].test_on for name in ("js", "base")]
        for user in range(100):
            there = pair[0][user] > 0
            after, before = (np.log(ranks[user][there].astype(float)).mean() for ranks in pair)
            assert found.values[number, user] == pytest.approx(after - before)


def test_the_log_rank_has_a_family_of_its_own_after_the_verdicts(tmp_path: Path) -> None:
    frame = reports.read_frame(study(tmp_path / "s", FOUR, n_users=150))
    found = analyse(frame)
    assert set(found.log_rank) == set(FOUR)
    effects = study_effects(log_rank_deltas(frame, frame.estimable()))
    p_values = [effects[name].p for name in FOUR]
    holm: Any = multipletests(p_values, method="holm")[1]
    expected = dict(zip(FOUR, holm, strict=True))
    assert {name: each.p_holm for name, each in found.log_rank.items()} == pytest.approx(expected)
    assert found.log_rank["reverse+attention"].effect.mean < 0.0 < found.log_rank["js"].effect.mean
    two = reports.read_frame(study(tmp_path / "two", FOUR, n_users=150, replicates=(0, 1)))
    assert analyse(two).log_rank == {}
    assert analyse(replace(frame, longest=20)).log_rank == {}
    unfinished = reports.read_frame(study(tmp_path / "part", FOUR, n_users=150, missing=[("js", 2)]))
    assert analyse(unfinished).log_rank == {}


def test_an_undecided_arm_whose_ranks_move_says_both(tmp_path: Path) -> None:
    arms = {"shifts": Arm(shift=0.03, touched=1.0), "x": Arm(), "y": Arm()}
    folder = study(tmp_path / "s", arms, n_users=120)
    for number, key in folder.manifest().rows[2].keys.items():
        base = run_of(folder, folder.manifest().rows[0].keys[number])
        deep = np.where(base.test_on > 20, np.maximum(base.test_on * 0.9, 20), base.test_on).astype(np.int32)
        deep[:6] = np.where(np.arange(6) % 2 == 0, 1, 300)  # ndcg@10 moves both ways
        folder.records.write(replace(base, key=key, test_on=deep))
    frame = reports.read_frame(folder)
    analysis = analyse(frame)
    assert analysis.verdicts["shifts"].code == "inconclusive"
    rows = {row["name"]: row for row in reported(folder)["rows"]}
    assert rows["shifts"]["log_rank"]["reading"] == "improve"
    assert "ranks in the full list improve (log rank, p " in rows["shifts"]["note"]
    assert rows["shifts"]["note"].endswith("NDCG@10 undecided")


def test_a_better_arm_that_lowers_a_guard_is_called_so_everywhere(tmp_path: Path) -> None:
    folder = guarded(tmp_path / "s")
    analysis = analyse(reports.read_frame(folder))
    assert analysis.verdicts["sharp"].code == "better"
    tested = {name: each.p_holm for name, each in analysis.guards["recall@50"].items()}
    assert tested["other"] is None
    assert tested["sharp"] == pytest.approx(analysis.guards["recall@50"]["sharp"].effect.p)  # the only pair
    write_report(folder)
    report = json.loads((folder.path / "report.json").read_text())
    assert report["answer"]["code"] == "guarded"
    assert "but lowers Recall@50, which this study guards" in report["answer"]["sentence"]
    assert report["answer"]["adopt"] == "Keep base, unless the loss in Recall@50 is acceptable."
    row = next(row for row in report["rows"] if row["name"] == "sharp")
    assert (row["verdict"], row["verdict_text"]) == ("better", "better, but a guard fell")
    assert "lowers the guard metric Recall@50 (p " in row["note"]
    assert any("better, but a guard fell" in line for line in answer_lines(folder.path / "report.json"))
    assert ",recall@50," in (folder.path / "ranking.csv").read_text()
    assert "better, but a guard fell" in (folder.path / "ranking.md").read_text()
    page = (folder.path / "report.html").read_text()
    assert "Recall@50, guard" in page
    assert "better, but a guard fell" in page
    write_report(folder, "zh")
    chinese = json.loads((folder.path / "report.zh.json").read_text())
    assert "护栏指标 Recall@50" in chinese["answer"]["sentence"]


def test_the_answer_prefers_a_better_arm_whose_guards_hold(tmp_path: Path) -> None:
    folder = guarded(tmp_path / "s", also=True)
    report = reported(folder)
    assert [row["name"] for row in report["rows"]][:2] == ["sharp", "safe"]
    answer = report["answer"]
    assert (answer["code"], answer["arm"]) == ("helped", "safe")
    assert "the best arm" not in answer["support"]
    assert "No guard metric falls significantly: Recall@50 +" in answer["support"]
    assert "sharp is better on NDCG@10 but lowers a guard metric: Recall@50 −" in answer["support"]
    tested = [each.p_holm for each in analyse(reports.read_frame(folder)).guards["recall@50"].values()]
    assert sum(each is not None for each in tested) == 2


def test_guards_that_are_no_usual_metric_are_tabulated(tmp_path: Path) -> None:
    frame = reports.read_frame(study(tmp_path / "s", FOUR, n_users=60, guard=("recall@100", "ndcg@10")))
    assert frame.metrics[-1] == "recall@100"
    assert list(analyse(frame).guards) == ["recall@100"]  # the primary metric guards nothing


def test_parts_of_the_variance_are_those_of_the_standard_error(tmp_path: Path) -> None:
    analysis = analyse(reports.read_frame(study(tmp_path / "s", FOUR, n_users=100, n_targets=3)))
    for effect in analysis.effects.values():
        parts = variance_of(effect)
        target = effect.user_sd**2 / effect.n_users
        seeds = effect.seed_sd**2 / effect.n_seeds
        assert parts["target_share"] * effect.se**2 == pytest.approx(target)
        assert parts["seed_share"] * effect.se**2 == pytest.approx(seeds)


def test_the_last_target_stands_beside_the_primary_figure(tmp_path: Path) -> None:
    folder = study(tmp_path / "s", FOUR, n_users=100, n_targets=3)
    frame = reports.read_frame(folder)
    report = reported(folder)
    for row in report["rows"]:
        expected = float(frame.last().values(row["name"], "ndcg@10").mean())
        assert row["last_target"]["level"] == pytest.approx(expected)
    effects = study_effects(frame.last().deltas("ndcg@10"))
    js = next(row for row in report["rows"] if row["name"] == "js")
    assert js["last_target"]["effect"] == pytest.approx(effects["js"].mean)
    assert "On each user's last target alone (the protocol of most papers), NDCG@10" in report["answer"]["support"]
    one = study(tmp_path / "one", FOUR, n_users=100)
    assert all(row["last_target"] is None for row in reported(one)["rows"])
