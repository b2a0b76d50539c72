"""What the page says of the checks of a study: once in the answer where one is an issue, and all in a table."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from harness.checks.catalogue import STUDY_CHECKS
from harness.study.mistakes import StudyFileError
from harness.study.study import load_study
from reports.locale import languages, load_catalogue
from reports.sections.answer import AnswerSection
from reports.sections.assembly import build_report, render_html
from reports.sections.contract import check_section
from reports.sections.study_checks import StudyChecksSection
from tests.reports.checks.test_study_checks import referred, rising, searched
from tests.reports.pages import Page

SECTIONS = (AnswerSection(), StudyChecksSection())


@pytest.mark.parametrize("lang", languages())
def test_the_page_the_json_and_the_findings_say_the_same_once(lang: str) -> None:
    frame = referred([4.0, 0.5, 0.3])
    text = load_catalogue(lang)
    report = build_report(frame, text, SECTIONS)
    lines = {line.code: line for line in report.models["study_checks"].checks}
    assert list(lines) == list(STUDY_CHECKS)
    said = [finding for finding in report.findings if finding.code in STUDY_CHECKS]
    assert [finding.code for finding in said] == ["FTR1101"]
    line, finding = lines["FTR1101"], said[0]
    assert finding.severity == "warning"
    assert finding.text == text("list.sentences").join((line.detected, line.margin, line.why, line.advice))
    assert finding.title.endswith(("Row 2", "第 2 行"))
    assert len(finding.items) == 1
    page = Page(render_html(report, text, SECTIONS))
    assert page.text.count(line.detected) == 2, "in the answer and in the table"
    assert json.loads(report.to_json())["study_checks"]["checks"][0]["code"] == "FTR1101"


def test_a_muted_check_warns_of_nothing_and_shows_its_reason() -> None:
    frame = referred([0.3])
    frame = replace(frame, manifest=replace(frame.manifest, diagnostics={"level": "light", "mute": {"FTR1101": "<b>"}}))
    report = build_report(frame, load_catalogue("en"), SECTIONS)
    assert "FTR1101" not in {finding.code for finding in report.findings}
    line = report.models["study_checks"].checks[0]
    assert (line.status, line.reason, line.detected) == ("muted", "<b>", "")
    assert "Muted in the study file: &lt;b&gt;" in render_html(report, load_catalogue("en"), SECTIONS)


def test_a_study_file_may_mute_them_and_no_others(tmp_path: Path) -> None:
    file = tmp_path / "s.yaml"
    text = "name: s\nquestion: q\ndata: ml-100k\narms: {a: kl.reverse}\ndiagnostics: {mute: {FTR1104: known}}\n"
    file.write_text(text, encoding="utf-8")
    assert load_study(file).diagnostics.mute == {"FTR1104": "known"}
    file.write_text(text.replace("FTR1104", "FTR1199"), encoding="utf-8")
    with pytest.raises(StudyFileError, match="unknown check 'FTR1199'"):
        load_study(file)


def test_an_error_that_the_study_does_not_repeat_is_no_number_in_the_report() -> None:
    report = build_report(searched(rising, n_seeds=1, noise=0.0), load_catalogue("en"), SECTIONS)
    line = report.models["study_checks"].checks[1]
    assert (line.status, line.by, line.half, line.margin) == ("cannot_tell", None, None, "")
    assert "inf" not in json.dumps(json.loads(report.to_json())["study_checks"]["checks"][1]["figures"])


def test_it_keeps_the_contract_of_sections() -> None:
    check_section(StudyChecksSection, referred([0.3]))
