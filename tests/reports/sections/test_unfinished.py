"""A study that has not ended, or has two seeds in all, gives estimates and no verdicts."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from harness.results.manifest import ArmRow
from reports.locale import load_catalogue
from reports.output.terminal import answer_lines
from reports.stats.verdicts import judge
from tests.reports import worlds
from tests.reports.pages import Page, by_name, rendered, reported
from tests.reports.stats.test_verdicts import effect_of
from tests.reports.worlds import Arm

TEXT = load_catalogue("en")
VERDICTS = [TEXT(f"verdict.{code}") for code in ("better", "worse", "equivalent", "inconclusive", "no_effect")]
ARMS = {**worlds.FOUR, "dead": Arm(touched=0.0)}


def without_verdicts(page: Page, report: dict) -> None:
    """No verdict word and no advice to adopt in the answer and in the ranking."""
    said = " ".join(str(report["answer"][each]) for each in ("sentence", "support", "adopt"))
    said += " ".join(f"{row['verdict_text']} {row['note']}" for row in report["rows"])
    assert not [word for word in (*VERDICTS, "Adopt") if re.search(rf"\b{word}\b", said)]
    assert "Adopt " not in page.text
    assert not [row["name"] for row in report["rows"] if row["p_holm"] is not None or row["negligible"]]


@pytest.mark.parametrize("n_ended", [1, 2, 4])
def test_a_study_with_seeds_still_to_run_says_how_many_and_gives_no_verdict(tmp_path: Path, n_ended: int) -> None:
    later = [(name, number) for name in ("base", "a/a", *ARMS) for number in range(n_ended, 5)]
    page, report = rendered(worlds.study(tmp_path / "part", ARMS, replicates=range(5), n_users=300, missing=later))
    without_verdicts(page, report)
    assert report["answer"]["code"] == "partial"
    assert report["answer"]["sentence"].startswith(f"No verdicts yet: {n_ended} of 5 seeds have finished.")
    assert f"300 users, {n_ended} of 5 seeds" in page.text
    assert all((row["adjusted"] is None) == (n_ended == 1) for row in report["rows"] if row["name"] in worlds.FOUR)


@pytest.mark.parametrize("name", ["js", "a/a", "base"])
def test_one_cell_of_any_row_that_is_still_to_run_is_enough(tmp_path: Path, name: str) -> None:
    page, report = rendered(worlds.study(tmp_path / "part", ARMS, n_users=300, missing=[(name, 1)]))
    without_verdicts(page, report)
    assert report["answer"]["sentence"].startswith("No verdicts yet: 2 of 3 seeds have finished.")


def test_failed_cells_and_rows_that_cannot_act_do_not_hold_the_verdicts_back(tmp_path: Path) -> None:
    extra = (ArmRow(name="pareto", arm="pareto", status="inapplicable", reason="one live term only"),)
    folder = worlds.study(tmp_path / "ended", ARMS, n_users=300, failures={("js", 1): "killed"}, extra_rows=extra)
    page, report = rendered(folder)
    assert report["answer"]["code"] == "helped"
    assert "300 users, 3 seeds" in page.text


def test_base_alone_and_nothing_finished_say_how_far_the_study_is(tmp_path: Path) -> None:
    _, report = rendered(worlds.study(tmp_path / "base", {}, missing=[("base", 2), ("a/a", 2)], n_users=60))
    assert report["answer"]["support"].startswith("2 of 3 seeds have finished.")
    every = [(name, number) for name in ("base", "a/a", "a") for number in range(3)]
    page, report = rendered(worlds.study(tmp_path / "none", {"a": Arm()}, missing=every))
    assert report["answer"]["support"].startswith("0 of 3 seeds have finished.")
    assert "0 of 3 seeds" in page.text


def test_two_seeds_in_all_give_intervals_and_no_verdict(tmp_path: Path) -> None:
    page, report = rendered(worlds.study(tmp_path / "two", worlds.FOUR, replicates=(0, 1), n_users=900))
    without_verdicts(page, report)
    rows = by_name(report)
    assert report["answer"]["code"] == "two_seeds"
    assert "No verdict: the study has two seeds" in page.text
    assert all(rows[name]["verdict"] == "two_seeds" and rows[name]["adjusted"] for name in worlds.FOUR)
    assert {finding["code"] for finding in report["findings"]} == {"two_seeds"}
    assert all(rows[name]["p"] is None and rows[name]["method"] == "two seeds" for name in worlds.FOUR)
    assert page.text.count("assumes equal noise") > len(worlds.FOUR)
    assert "Intervals of two seeds assume equal noise" in " ".join(answer_lines(tmp_path / "two/report.json"))


def test_an_arm_of_two_seeds_beside_arms_of_more_is_not_judged() -> None:
    few, many = effect_of(0.01, 0.0001, n_seeds=2), effect_of(0.01, 0.0001, n_seeds=5)
    both = judge({"few": few, "many": many}, 0.001)
    assert {name: each.code for name, each in both.items()} == {"few": "two_seeds", "many": "better"}
    assert (both["few"].p, both["few"].p_holm) == (None, None)
    assert both["many"].p == both["many"].p_holm
    alone = judge({"few": few}, 0.001)["few"]
    assert alone.adjusted == few.interval()
    assert {each.code for each in judge({"few": few, "many": many}, 0.001, unfinished=True).values()} == {"partial"}


def test_the_figures_of_a_sentence_are_of_the_seeds_that_both_rows_have(tmp_path: Path) -> None:
    """An arm that failed with one seed is set against base with the others, level and run time alike."""
    arms = {"good": Arm(shift=0.5), "other": Arm()}
    folder = worlds.study(tmp_path / "odd", arms, replicates=range(5), n_users=300, failures={("good", 0): "killed"})
    key = folder.manifest().rows[0].keys[0]
    found = folder.records.read(key)
    assert found is not None
    worst = found.test_on * 50
    folder.records.write(replace(found, test_on=worst, seconds={"total": 9000.0}))
    for number in (1, 2, 3, 4):
        run = folder.records.read(folder.manifest().rows[0].keys[number])
        assert run is not None
        folder.records.write(replace(run, seconds={"total": 10.0 * number}))
    report = reported(folder)
    sentence = report["answer"]["sentence"]
    size, base, level = (float(each) for each in re.findall(r"0\.\d+", sentence))
    assert report["answer"]["arm"] == "good"
    assert level - base == pytest.approx(size, abs=1.5e-4)
    row = by_name(report)["good"]
    assert base == pytest.approx(row["effect"] / row["relative"], abs=1e-4)
    assert base > report["answer"]["base"] + 1e-3
    # The median of 10, 20, 30 and 40 s; with the failed seed it were 30 s.
    assert re.search(r"more than base \(25(\.0)? s\)", report["answer"]["cost"]), report["answer"]["cost"]
