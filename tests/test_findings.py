"""What docs/findings.md says is what the committed reports say, and each of those is of a shipped study file."""

from __future__ import annotations

import csv
import gzip
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from harness.modes.grid import Grid
from harness.modes.planning import make_plan
from harness.study.study import load_study

ROOT = Path(__file__).parents[1]
KEPT = ROOT / "docs" / "findings"
TEXT = (ROOT / "docs" / "findings.md").read_text(encoding="utf-8")
STUDIES = sorted(path.name for path in KEPT.iterdir() if path.is_dir())

NUMBER = r"[+-]?0?\.\d{4}"
TRIPLE = re.compile(rf"({NUMBER}) \(({NUMBER}) to ({NUMBER})\)")


def report(study: str) -> dict[str, Any]:
    return json.loads(gzip.decompress((KEPT / study / "report.json.gz").read_bytes()))


def shown(value: float) -> str:
    text = f"{value:+.4f}".replace("0.", ".", 1)
    return text if float(text) else ".0000"


def intervals(rows: list[dict[str, Any]]) -> Iterator[tuple[str, str, str]]:
    """Every estimate with an interval that a report holds, as the text writes them."""
    for row in rows:
        if row["effect"] is not None:
            for bounds in (row["plain"], row["adjusted"]):
                if bounds is not None:
                    yield shown(row["effect"]), shown(bounds[0]), shown(bounds[1])
        for part in (row["gain"], row["without_valid_targets"]):
            if part is not None:
                yield shown(part["effect"]), shown(part["low"]), shown(part["high"])


def test_every_estimate_in_the_text_is_one_of_a_committed_report() -> None:
    known = {each for study in STUDIES for each in intervals(report(study)["rows"])}
    quoted = [tuple(shown(float(part)) for part in found) for found in TRIPLE.findall(TEXT)]
    assert len(quoted) >= 10
    assert [each for each in quoted if each not in known] == []


@pytest.mark.parametrize("study", STUDIES)
def test_a_committed_report_is_of_a_shipped_study_file(study: str) -> None:
    plan = make_plan(load_study(ROOT / "studies" / "findings" / f"{study}.yaml"))
    found = report(study)
    assert found["study"] == study
    assert found["question"] == plan.study.question
    if isinstance(plan.study.mode, Grid):
        assert {row["name"] for row in found["rows"]} == {row.name for row in plan.rows}


@pytest.mark.parametrize("study", STUDIES)
def test_the_csv_has_the_rows_of_the_report(study: str) -> None:
    with (KEPT / study / "ranking.csv").open(encoding="utf-8", newline="") as file:
        names = [line["name"] for line in csv.DictReader(file)]
    assert names == [row["name"] for row in report(study)["rows"]]


@pytest.mark.parametrize("study", STUDIES)
def test_the_text_names_the_study(study: str) -> None:
    assert study in TEXT
