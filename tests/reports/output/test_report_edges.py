"""Studies that are incomplete, degenerate or oddly named."""

from __future__ import annotations

import math
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from harness.errors import InputError
from harness.results.manifest import ArmRow
from reports.locale import load_catalogue
from reports.output.files import write_report
from tests.reports import worlds
from tests.reports.pages import by_name, in_part, rendered, reported
from tests.reports.worlds import Arm, study

NASTY = "<script>alert('x')</script> & <b>bold</b> $x_1$"
CHINESE = "学习率预热与余弦退火"


def test_markup_in_names_is_shown_not_run(tmp_path: Path) -> None:
    arms = {NASTY: Arm(), CHINESE: Arm(shift=0.1), "=1+1": Arm(touched=0.0)}
    page, report = rendered(study(tmp_path / "names", arms, n_users=80, question="Is <i>this</i> & that safe?"))
    assert [tag for tag, _ in page.tags].count("script") == 1
    assert not [tag for tag, _ in page.tags if tag in ("i", "em")]
    assert page.headings[0] == "Is <i>this</i> & that safe?"
    assert NASTY in page.text
    assert CHINESE in page.text
    assert {NASTY, CHINESE, "=1+1"} < set(by_name(report))


@pytest.mark.parametrize("n_targets", [1, 3])
def test_missing_failed_and_inapplicable_cells_are_named(tmp_path: Path, n_targets: int) -> None:
    arms = {"a": Arm(), "b": Arm(), "c": Arm(), "d": Arm(touched=0.0)}
    folder = study(
        tmp_path / "gaps",
        arms,
        n_users=80,
        n_targets=n_targets,
        failures={("b", 1): "loss not finite at epoch 3", ("b", 2): "killed by signal 9"},
        missing=[("a", 2), ("base", 0)],
        extra_rows=(ArmRow(name="pareto", arm="pareto", status="inapplicable", reason="one live term only"),),
    )
    next(iter(folder.records.folder.glob("000004*0001.record"))).unlink()
    page, report = in_part(folder)
    rows, findings = by_name(report), {finding["code"]: finding for finding in report["findings"]}
    assert (rows["a"]["n_seeds"], rows["a"]["verdict"]) == (1, "partial")
    assert (rows["b"]["n_seeds"], rows["b"]["verdict"]) == (0, "unfinished")
    assert rows["d"]["verdict"] == "partial"
    assert report["answer"]["code"] == "partial"
    assert rows["pareto"]["verdict"] == "inapplicable"
    assert findings["failed"]["items"] == ["b (2)"]
    assert findings["missing"]["items"] == ["base (1)", "a (1)"]
    assert findings["lost"]["items"] == ["c (1)"]
    assert findings["no_effect"]["items"] == ["d"]
    assert findings["inapplicable"]["items"] == ["pareto: one live term only"]
    assert report["method"]["cells"]["b"] == ["done", "failed", "failed"]
    assert "loss not finite at epoch 3" in page.text


def test_the_highest_estimate_named_is_one_with_an_interval(tmp_path: Path) -> None:
    failures = {("b", 1): "killed by signal 9", ("b", 2): "killed by signal 9"}
    arms = {"a": Arm(), "b": Arm(shift=0.2), "c": Arm(shift=-0.1)}
    report = reported(study(tmp_path / "failed", arms, n_users=200, failures=failures))
    highest = max((row for row in report["rows"] if row["adjusted"]), key=lambda row: row["effect"])
    assert max(report["rows"], key=lambda row: row["effect"] or 0.0)["n_seeds"] == 1
    assert report["answer"]["support"].startswith(
        f"Among arms with two or more seeds, the highest estimate is {highest['name']}: "
    )
    assert "1 one seed" in report["answer"]["support"]
    if report["answer"]["code"] == "nothing":
        assert re.search(r"[23] of 3 arms are undecided", report["answer"]["adopt"])


def test_one_seed_gives_no_verdict_and_says_why(tmp_path: Path) -> None:
    page, report = rendered(study(tmp_path / "single", worlds.FOUR, replicates=(0,), n_users=80))
    assert report["answer"]["code"] == "one_seed"
    assert [finding["code"] for finding in report["findings"]] == ["one_seed"]
    arms = [row for row in report["rows"] if row["kind"] == "arm"]
    assert {row["verdict"] for row in arms} == {"one_seed"}
    assert all(row["p"] is None and row["p_worthwhile"] is None and row["adjusted"] is None for row in arms)
    assert "may not hold on another seed" in page.text


def test_a_study_without_arms_says_what_base_does(tmp_path: Path) -> None:
    page, report = rendered(study(tmp_path / "alone", {}, n_users=60))
    assert report["answer"]["code"] == "base_only"
    assert report["answer"]["sentence"].startswith("The study ran base alone, so there is nothing to compare: ")
    assert report["answer"]["support"].startswith("With the same weights, retrieval changes it by ")
    assert report["answer"]["sentence"] in page.text


def test_nothing_that_changes_a_rank_says_so(tmp_path: Path) -> None:
    _, report = rendered(study(tmp_path / "dead", {"a": Arm(touched=0.0), "b": Arm(touched=0.0)}, n_users=50))
    assert report["answer"]["code"] == "nothing"
    assert "no arm changes any rank" in report["answer"]["sentence"]


def test_a_study_without_a_finished_run_still_has_a_page(tmp_path: Path) -> None:
    every = [(name, number) for name in ("base", "a/a", "a") for number in range(3)]
    page, report = rendered(study(tmp_path / "empty", {"a": Arm()}, missing=every))
    assert report["answer"]["code"] == "unfinished"
    assert "No answer yet" in page.text


def test_metric_that_is_zero_for_everyone(tmp_path: Path) -> None:
    folder = study(tmp_path / "zero", {"a": Arm(), "b": Arm(shift=-0.2)}, n_users=60)
    manifest = folder.manifest()
    for row in manifest.rows:
        for number, key in row.keys.items():
            found = folder.records.read(key)
            assert found is not None
            worst = np.maximum(found.test_on, 100).astype(np.int32)
            folder.records.write(replace(found, test_on=worst, test_off=worst + number))
    _, report = rendered(folder)
    row = by_name(report)["a"]
    assert (report["answer"]["base"], row["effect"], row["relative"]) == (0.0, 0.0, None)


def test_curve_values_that_are_not_finite_leave_a_gap(tmp_path: Path) -> None:
    folder = study(tmp_path / "nan", {"a": Arm()}, n_users=60)
    key = folder.manifest().rows[2].keys[0]
    found = folder.records.read(key)
    assert found is not None
    point = replace(found.curve[-1], valid_on={"ndcg@10": math.nan})
    folder.records.write(replace(found, curve=(*found.curve[:-1], point)))
    rendered(folder)
    assert "NaN" not in (folder.path / "report.json").read_text()


def test_findings_of_the_runs_are_passed_on(tmp_path: Path) -> None:
    sentence = load_catalogue("en")("check.nothing_trains")
    checks = {"nothing_trains": sentence, "of_a_later_version": "Something."}
    report = reported(study(tmp_path / "checks", {"a": Arm(checks=checks)}, n_users=50))
    titles = {each["code"]: each["title"] for each in report["findings"]}
    assert titles["check:nothing_trains"] == "Nothing was trained in some runs"
    assert titles["check:of_a_later_version"] == "Warning from the runs: of_a_later_version"
    found = next(f for f in report["findings"] if f["code"] == "check:nothing_trains")
    assert sentence in found["text"]
    assert found["items"] == ["a (3)"]


def test_false_positive_rate_is_printed_from_five_seeds(tmp_path: Path) -> None:
    report = reported(study(tmp_path / "swaps", {"a": Arm()}, replicates=range(5), n_users=60))
    noise = report["method"]["noise"]
    assert noise["n_patterns"] == 16
    assert noise["rate_low"] <= noise["rate"] <= noise["rate_high"]


def test_records_of_different_users_are_refused(tmp_path: Path) -> None:
    folder = study(tmp_path / "mixed", {"a": Arm()}, n_users=60)
    key = folder.manifest().rows[2].keys[1]
    folder.records.write(worlds.record(key, Arm(), replicate=1, n_users=61))
    with pytest.raises(InputError, match=r"60 users in .*; 61 users in a, replicate 1"):
        write_report(folder)


@pytest.mark.parametrize(("last", "epochs", "code"), [(6, 6, "improving"), (5, 6, ""), (6, 1, "one_epoch")])
def test_a_budget_that_ended_too_soon_is_told_of(tmp_path: Path, last: int, epochs: int, code: str) -> None:
    folder = study(tmp_path / "s", {"a": Arm()}, n_users=60)
    manifest = folder.manifest()
    folder.write_manifest(replace(manifest, budget={**manifest.budget, "epochs": epochs}))
    for row in manifest.rows:
        for key in row.keys.values():
            found = folder.records.read(key)
            assert found is not None
            folder.records.write(replace(found, chosen_epoch=last))
    page, report = rendered(folder)
    told = [each for each in report["findings"] if each["code"] in ("improving", "one_epoch")]
    assert [each["code"] for each in told] == [code] * bool(code)
    assert all(each["text"] in page.text for each in told)
