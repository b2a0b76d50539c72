"""What the page says of costs at inference, and of arms that were fitted to validation labels."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from harness.results.folder import StudyFolder
from harness.results.reading import read_frame
from harness.results.record import QUERY_MS, SERVING_BYTES
from reports.locale import load_catalogue
from reports.sections.assembly import build_report, render_html
from reports.sections.cost import CostSection
from reports.sections.method import MethodSection
from reports.sections.ranking import RankingSection
from tests.reports.worlds import Arm, study

ARMS = {"overlap+product": Arm(shift=0.4, seconds=90.0), "calibrated": Arm(shift=0.2), "older": Arm()}
MS = {"base": 0.4, "overlap+product": 2.5, "calibrated": 0.6}
BYTES = {"base": 46e6, "overlap+product": 9.4e6, "calibrated": 46e6}
FITTED = {"calibrated": ("calibration",), "overlap+product": ("reranker", "a seam of a plug-in")}
SECTIONS = (RankingSection(), CostSection(), MethodSection())


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> StudyFolder:
    """Two arms with costs, two that were fitted to validation labels, and one written by an earlier version."""
    made = study(tmp_path_factory.mktemp("costs") / "study", ARMS, n_users=120)
    manifest = made.manifest()
    for row in manifest.rows:
        for number, key in row.keys.items() if row.name in MS else ():
            read = made.records.read(key)
            assert read is not None
            costs = {QUERY_MS: MS[row.name] + 0.1 * (number - 1), SERVING_BYTES: BYTES[row.name]}
            made.records.write(replace(read, costs=costs))
    rows = tuple(replace(row, fitted_on_validation=FITTED.get(row.name, ())) for row in manifest.rows)
    made.write_manifest(replace(manifest, rows=rows))
    return made


def said(folder: StudyFolder, lang: str = "en") -> tuple[dict[str, Any], str]:
    """What ``report.json`` holds, and the page."""
    text = load_catalogue(lang)
    report = build_report(read_frame(folder.path), text, SECTIONS)
    return json.loads(report.to_json()), render_html(report, text, SECTIONS)


def cells(page: str, row: str) -> list[str]:
    """The cells of a row of the table of costs."""
    table = page.split('id="cost-table"')[1].split("</table>")[0]
    (line,) = (each for each in table.split("<tr")[2:] if f'data-name="{row}"' in each)
    return [each.split(">", 1)[1] for each in line.replace("</th>", "</td>").split("</td>")[1:-1]]


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_each_row_has_its_costs_and_records_of_earlier_versions_a_dash(folder: StudyFolder, lang: str) -> None:
    _, page = said(folder, lang)
    assert cells(page, "base")[2:] == ["0.40 ms", "46.0 MB"]
    assert cells(page, "overlap+product")[2:] == ["2.5 ms", "9.4 MB"]
    assert cells(page, "older")[2:] == ["–", "–"]
    assert cells(page, "older")[1] != "–", "its run time is known all the same"


def test_the_report_holds_the_medians_over_seeds(folder: StudyFolder) -> None:
    report, _ = said(folder)
    rows = {row["name"]: row for row in report["rows"]}
    found = {name: (rows[name]["query_ms"], rows[name]["serving_bytes"]) for name in rows}
    assert found["overlap+product"] == (pytest.approx(2.5), 9.4e6)
    assert found["older"] == (None, None)
    assert "0.40 ms" in report["cost"]["latency"]
    assert "overlap+product, takes 2.5 ms" in report["cost"]["latency"]


def test_the_ranking_marks_arms_that_saw_validation_labels(folder: StudyFolder) -> None:
    report, page = said(folder)
    marked = "weights fitted to validation labels (published models use them for selection only)"
    assert {row["name"] for row in report["rows"] if marked in row["note"]} == set(FITTED)
    ranking = page.split('id="ranking"')[1].split("</section>")[0]
    # Below the table, and at each row.
    assert ranking.count(marked) == 2 * len(FITTED)
    chinese, _ = said(folder, "zh")
    assert {row["name"] for row in chinese["rows"] if "权重用验证集标签拟合" in row["note"]} == set(FITTED)


@pytest.mark.parametrize(
    ("lang", "of_calibration", "of_reranker"),
    [
        ("en", "use the labels that fitted it", "cross-fitted: each user is ranked by the fit of the other half"),
        ("zh", "所用的正是拟合它的标签", "为交叉拟合：每位用户由另一半用户拟合的权重排序"),
    ],
)
def test_the_method_says_what_validation_figures_of_such_arms_are(
    folder: StudyFolder, lang: str, of_calibration: str, of_reranker: str
) -> None:
    report, _ = said(folder, lang)
    title = load_catalogue(lang)("method.fitted.title")
    (paragraph,) = (body for heading, body in report["method"]["paragraphs"] if heading == title)
    assert of_calibration in paragraph
    assert of_reranker in paragraph
    assert "overlap+product" in paragraph


def test_a_study_without_such_arms_says_nothing_of_them(tmp_path: Path) -> None:
    report, page = said(study(tmp_path / "study", {"plain": Arm()}, n_users=60))
    assert "validation labels" not in page
    assert all(not row["fitted_on_validation"] for row in report["rows"])
