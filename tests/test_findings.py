"""The pages of findings hold the figures of the kept reports, and each of those is of a shipped study file."""

from __future__ import annotations

import csv
import re
from pathlib import Path

import pytest

from harness.modes.grid import Grid
from harness.modes.planning import make_plan
from harness.study.study import load_study
from reports.locale.formats import number, percent, signed
from website.findings import KEPT, Kept, interval, pages

ROOT = Path(__file__).parents[1]
STUDIES = sorted(path.name for path in KEPT.iterdir() if path.is_dir())
PAGES = pages()


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_a_page_is_what_the_script_writes(path: Path) -> None:
    assert path.read_text(encoding="utf-8") == PAGES[path], "run make pages"


@pytest.mark.parametrize("study", STUDIES)
def test_a_kept_report_is_of_a_shipped_study_file(study: str) -> None:
    plan = make_plan(load_study(ROOT / "studies" / "findings" / f"{study}.yaml"))
    found = Kept(study)
    assert found.report["study"] == study
    assert found.report["question"] == plan.study.question
    if isinstance(plan.study.mode, Grid):
        assert found.rows.keys() == {row.name for row in plan.rows}


@pytest.mark.parametrize("study", STUDIES)
def test_the_csv_has_the_rows_of_the_report(study: str) -> None:
    with (KEPT / study / "ranking.csv").open(encoding="utf-8", newline="") as file:
        names = [line["name"] for line in csv.DictReader(file)]
    assert names == list(Kept(study).rows)


@pytest.mark.parametrize("study", STUDIES)
def test_the_pages_name_the_study(study: str) -> None:
    assert any(study in text for text in PAGES.values())


QUOTED = (("beauty_confirm", "filter_seen"), ("ml100k_confirm", "filter_seen"), ("retrieval_ml100k", "overlap+product"))
"""Study and arm whose gain over base both READMEs give."""


@pytest.mark.parametrize("readme", ["README.md", "README.zh.md"])
@pytest.mark.parametrize(("study", "arm"), QUOTED)
def test_the_readme_gives_figures_of_kept_reports(readme: str, study: str, arm: str) -> None:
    text, kept = (ROOT / readme).read_text(encoding="utf-8"), Kept(study)
    assert percent(kept[arm]["relative"]).removeprefix("+") in text
    assert number(kept.base) in text


@pytest.mark.parametrize("readme", ["README.md", "README.zh.md"])
def test_the_readme_counts_the_remedies_as_the_kept_report_does(readme: str) -> None:
    text, kept = (ROOT / readme).read_text(encoding="utf-8"), Kept("claims_ml100k")
    assert {str(len(kept.arms)), str(kept.count("equivalent"))} <= set(re.findall(r"\d+", text))
    assert all(row["relative"] < 0.01 for row in kept.with_verdict("better"))


def test_figures_have_one_sign_for_minus_and_no_negative_zero() -> None:
    assert (percent(-0.142), signed(-0.0021), signed(-0.00001)) == ("−14.2%", "−0.0021", "0.0000")
    assert (interval((-0.001, 0.002)), interval(None)) == ("−0.0010 to +0.0020", "–")
