"""Writing a report to a place chosen by the user, without overwriting anything but an earlier report."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from harness.errors import EnvironmentProblem, InputError
from harness.files import write_atomically
from harness.results.folder import StudyFolder
from reports.output.files import write_report
from reports.output.naming import named

OURS = b'<meta name="generator" content="ftr-study">'
"""Marker near the top of every page that ftr-study writes."""


EXPORTS = ("report.html", "report.json", "ranking.csv", "ranking.md", "ranking.tex")
"""Files of a report that exist in each language."""


def page_to(file: Path, page: str) -> Path:
    """Write a page to a file; an earlier page of ftr-study is replaced.

    Raises:
        InputError: the path exists and is not a page of ftr-study.
        EnvironmentProblem: the file cannot be written.
    """
    if file.is_dir() or (file.exists() and OURS not in file.read_bytes()[:2000]):
        raise InputError(f"{file} exists and is no page of ftr-study; choose another name, or remove it first")
    write_atomically(file, page.encode(), option="another path")
    return file


def copy_report(study: StudyFolder, folder: Path, *, lang: str, study_name: str) -> Path:
    """Write the report of a study into another folder; return the path of the page.

    Args:
        study: the study's folder.
        folder: target; must be absent, empty, or hold an earlier report of the same study.
        lang: language of the page.
        study_name: the study's name in its manifest.

    Raises:
        InputError: the target holds other files.
        EnvironmentProblem: the target cannot be written.
    """
    if folder.resolve() != study.path.resolve():
        _refuse_others(folder, study_name)
    page = write_report(study, lang)
    if folder.resolve() == study.path.resolve():
        return page
    try:
        folder.mkdir(parents=True, exist_ok=True)
        more = [each for each in (named("references.csv", lang),) if (study.path / each).exists()]
        for name in (*(named(each, lang) for each in EXPORTS), *more, "effects.parquet"):  # others may be outdated
            shutil.copyfile(study.path / name, folder / name)
    except OSError as problem:
        raise EnvironmentProblem(f"cannot write {folder}: {problem.strerror or problem}; save elsewhere") from problem
    return folder / page.name


def _refuse_others(folder: Path, study_name: str) -> None:
    if not folder.exists():
        return
    if not folder.is_dir():
        raise InputError(f"{folder} is a file; give a folder, or a name that ends in .html")
    held = sorted(each.name for each in folder.iterdir())
    if not held:
        return
    reports = sorted(folder.glob("report*.json"))
    same = bool(reports) and all(_study_of(each) == study_name for each in reports)
    if not same or "manifest.json" in held:
        first = ", ".join(held[:3])
        raise InputError(
            f"{folder} holds other files ({first}); save to an absent or empty folder, or to one of this study's report"
        )


def _study_of(report: Path) -> str | None:
    """The study's name in a ``report.json``; None if the file is not a report."""
    try:
        return json.loads(report.read_text(encoding="utf-8")).get("study")
    except (OSError, ValueError, AttributeError):
        return None
