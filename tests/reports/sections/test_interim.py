"""Before its end a study shows estimates and tests nothing, on the page, in its exports and in Python."""

from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from harness.api.result import StudyResult
from harness.results.folder import StudyFolder
from harness.results.reading import read_frame
from harness.results.seeds import Seeds
from reports.sections.cells import GuardCell
from reports.sections.report import Row
from reports.stats.analysis import analyse
from tests.reports import stackworlds
from tests.reports.pages import rendered
from tests.reports.worlds import Arm, study

ARMS = {
    "good": Arm(shift=0.5),
    "bad": Arm(shift=-0.5, family="weight", priority="M"),
    "fair": Arm(shift=0.2, family="stack", priority="L"),
    "idle": Arm(family="other", priority="L"),
}
CLAIMS = ("false discovery rate", "Significant after the correction", "probability of being best")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> StudyFolder:
    return study(tmp_path_factory.mktemp("interim") / "s", ARMS, replicates=range(5), n_users=400)


def going_on(folder: StudyFolder, *, ended: bool) -> StudyFolder:
    seeds = Seeds(start=3, most=10, set_aside={"idle": 5}, ended=ended)
    folder.write_manifest(replace(folder.manifest(), seeds=seeds.described()))
    return folder


def test_the_page_claims_nothing_before_the_end(folder: StudyFolder) -> None:
    for ended in (True, False):
        page, report = rendered(going_on(folder, ended=ended))
        classes = {name for _, found in page.tags for name in (found.get("class") or "").split()}
        assert ("sure" in classes) is ended
        assert [claim for claim in CLAIMS if claim in page.text] == ([CLAIMS[0], CLAIMS[2]] if ended else [])
        with (folder.path / "ranking.csv").open(encoding="utf-8") as file:
            lines = list(csv.DictReader(file))
        for name in ("p", "p_holm", "p_worthwhile", "rank_low", "rank_high"):
            assert any(line[name] for line in lines) is ended, name
        assert any(row["effect"] for row in report["rows"])
        assert any(cell["q"] is not None for row in report["rows"] for cell in row["metrics"]) is ended
        assert (report["priorities"] is not None) is ended


def test_nothing_in_the_analysis_is_tested_before_the_end(folder: StudyFolder) -> None:
    for ended in (True, False):
        found = analyse(read_frame(going_on(folder, ended=ended)))
        groups = found.subgroups
        assert groups is not None
        tests = [found.places, found.q, found.gain_q, groups.n_tests, found.agreement, found.n_tests]
        assert [bool(each) for each in tests] == [ended] * len(tests)
        families = [found.effects, found.gains, found.without_valid, found.last, *found.secondary.values()]
        p_values = [each.p for family in families for each in family.values()]
        p_values += [each for effect in groups.effects.values() for each in (effect.p, effect.q)]
        p_values += [verdict.p for verdict in found.verdicts.values()]
        assert any(p is not None for p in p_values) is ended


def test_a_factorial_study_tests_its_terms_at_the_end(tmp_path: Path) -> None:
    for missing in ((), (("a/a", 2),)):
        manifest, records = stackworlds.planted(
            ("x", "y"), {("x",): 60, ("y",): -20}, noise=0.02, replicates=range(4), missing=missing
        )
        folder = StudyFolder(tmp_path / f"stack{len(missing)}")
        for cells in records.values():
            for record in cells.values():
                folder.records.write(record)
        folder.write_manifest(manifest)
        page, report = rendered(folder)
        found = report["stacks"]["factorial"]
        assert ("Significant after the correction" in page.text) is not missing
        assert (found["n_tests"] > 0) is not bool(missing)
        assert {term["state"] for term in found["terms"]} == ({"partial"} if missing else {"raises", "lowers", "open"})
        assert all((term["p"] is None) is bool(missing) for term in found["terms"])


def test_python_gives_no_p_value_before_the_end(folder: StudyFolder) -> None:
    for metric in ("ndcg@10", "recall@20"):
        table: Any = StudyResult(going_on(folder, ended=False).path).effects(metric)
        assert table["p"].isna().all()
        assert table["p_holm"].isna().all()
        assert table["effect"].notna().all()


def test_python_and_the_page_agree_on_arms_that_stopped(folder: StudyFolder) -> None:
    result = StudyResult(going_on(folder, ended=True).path)
    ranking = result.ranking.set_index("arm")["p_holm"]
    table: Any = result.effects().set_index("row")
    for name in ARMS:
        assert table.loc[name, "p_holm"] == ranking[name]
    assert table.loc["idle", "p_holm"] == 1.0
    other: Any = result.effects("recall@20").set_index("row")
    assert other.loc["idle", "p_holm"] == 1.0
    assert other.loc["good", "p_holm"] == min(4.0 * other["p"].drop("a/a").drop("idle").min(), 1.0)


def test_the_columns_that_readings_beside_the_primary_metric_have_are_documented() -> None:
    page = (Path(__file__).parents[3] / "docs" / "python.md").read_text(encoding="utf-8")
    cell = GuardCell(metric="METRIC", effect=0.0, low=0.0, high=0.0, p_holm=None, fell=False)
    texts = dict.fromkeys(("name", "arm", "family", "priority", "verdict", "verdict_text"), "a")
    lists: dict[str, Any] = dict.fromkeys(("remedies", "titles", "replaces"), ())
    beside = Row(kind="arm", guards=(cell,), **texts, **lists).beside
    columns = "p p_holm p_worthwhile detectable seeds_needed targets_needed seed_share target_share".split()
    assert [name for name in (*columns, *beside) if f"`{name}`" not in page] == []
