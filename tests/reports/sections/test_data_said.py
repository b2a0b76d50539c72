"""What the page says of the data: how it was read, what was left out, and whether equal times decide."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from harness.results.folder import StudyFolder
from harness.results.reading import read_frame
from reports.locale import languages, load_catalogue
from reports.sections.assembly import build_report, render_html
from reports.sections.report import Report
from tests.reports.worlds import Arm, study

TIES: dict[str, Any] = {
    "metric": "ndcg@10",
    "n_users": 41,
    "share": 0.51,
    "as_read": 0.1,
    "shuffled": [0.097, 0.099, 0.101, 0.098, 0.1],
    "what": "backbone alone, replicate 0",
}


def reported(tmp_path: Path, lang: str = "en", *, shift: float = 0.5, **data: Any) -> Report:
    folder = study(tmp_path / "study", {"helps": Arm(shift=shift)}, n_users=80)
    manifest = folder.manifest()
    StudyFolder(folder.path).write_manifest(
        replace(manifest, data={**manifest.data, **data}, checkpoint=data.pop("checkpoint", "mrr@10"))
    )
    return build_report(read_frame(folder), load_catalogue(lang))


def paragraph(report: Report, heading: str) -> str:
    return dict(report.models["method"].paragraphs)[heading]


def findings(report: Report) -> dict[str, str]:
    return {each.code: each.text for each in report.findings}


def test_the_method_names_the_metric_that_chooses_the_epoch(tmp_path: Path) -> None:
    said = paragraph(reported(tmp_path), "Design")
    assert "The epoch of a run is chosen by MRR@10 on the validation set. This is not the primary metric" in said
    folder = StudyFolder(tmp_path / "study")
    folder.write_manifest(replace(folder.manifest(), checkpoint="ndcg@10"))
    said = paragraph(build_report(read_frame(folder), load_catalogue("en")), "Design")
    assert said.endswith("The epoch of a run is chosen by NDCG@10 on the validation set.")
    folder.write_manifest(replace(folder.manifest(), checkpoint=""))
    said = paragraph(build_report(read_frame(folder), load_catalogue("en")), "Design")
    assert said.endswith("The folder does not record which metric chose the epochs.")


def test_duplicates_dropped_users_and_how_it_was_read_are_in_the_method(tmp_path: Path) -> None:
    report = reported(
        tmp_path,
        read_as="CSV: user=user_id, item=item_id, time=timestamp (guessed; change with columns:)",
        notes={"duplicate rows": 12, "items twice in a row": 0},
        dropped={"users with fewer than 5 interactions": 30, "items with fewer than 5 interactions": 7},
    )
    said = paragraph(report, "Data")
    assert "Read as CSV: user=user_id, item=item_id" in said
    assert "duplicate rows (12)" in said
    assert "items twice" not in said
    assert "users with fewer than 5 interactions (30)" in said
    assert "30 users of the source (27%)" in findings(report)["dropped_users"]


@pytest.mark.parametrize("share", [math.nan, None])
def test_ties_that_nobody_could_count_are_unknown(tmp_path: Path, share: float | None) -> None:
    said = paragraph(reported(tmp_path, tied_share=share), "Limits")
    assert "The share of interactions with tied timestamps was not recorded." in said
    assert "– of the interactions" not in said


def test_few_dropped_users_are_no_warning_and_old_folders_say_nothing(tmp_path: Path) -> None:
    report = reported(tmp_path, dropped={"users with fewer than 5 interactions": 10}, ties=None)
    assert not {"dropped_users", "ties", "FTR1104"} & set(findings(report))
    folder = StudyFolder(tmp_path / "study")
    bare = {name: value for name, value in folder.manifest().data.items() if name not in ("dropped", "ties")}
    folder.write_manifest(replace(folder.manifest(), data=bare))
    assert "Data" not in dict(build_report(read_frame(folder), load_catalogue("en")).models["method"].paragraphs)


@pytest.mark.parametrize(("shift", "share", "code"), [(0.5, 0.51, "ties"), (0.0, 0.51, "FTR1104"), (0.0, 0.009, "")])
def test_equal_times_that_can_decide_ranks_are_a_warning(tmp_path: Path, shift: float, share: float, code: str) -> None:
    wide = {"as_read": 0.1, "shuffled": [0.1, 0.3, 0.1, 0.1, 0.1]} if code == "FTR1104" else {}
    report = reported(tmp_path, shift=shift, ties={**TIES, "share": share, **wide})
    said = findings(report)
    assert {"ties", "FTR1104"} & set(said) == ({code} if code else set()), "one statement of one thing"
    if code == "ties":
        assert "For 51.0% of the users" in said[code]
        assert "from 0.1000 to between 0.0970 and 0.1010, by up to 0.0030" in said[code]
        assert report.findings[0].code == code
    if code == "FTR1104":
        assert "it moves NDCG@10 of the backbone by up to 0.2000" in said[code]
        assert "check that the ranking holds with the file in another order" in said[code]
        assert report.findings[0].code == code


@pytest.mark.parametrize("lang", languages())
def test_the_page_shows_it_in_every_language(tmp_path: Path, lang: str) -> None:
    report = reported(tmp_path, lang, ties=TIES, read_as="JSON lines", dropped={"users with few": 100})
    page = render_html(report, load_catalogue(lang))
    assert "JSON lines" in page
    assert 'data-code="dropped_users"' in page
    assert 'data-code="ties"' in page
