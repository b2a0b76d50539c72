"""The files of a report: the page, ``report.json``, the ranking in three formats and the effects in long form."""

from __future__ import annotations

from pathlib import Path

from harness.files import write_atomically
from harness.results.folder import StudyFolder
from harness.results.reading import whole_frame
from reports.locale import load_catalogue
from reports.output.exports import ranking_csv, ranking_latex, ranking_markdown
from reports.output.following import write_next
from reports.output.index.page import refresh_index
from reports.output.naming import named
from reports.output.tidy import effects_parquet
from reports.sections.assembly import build_report, render_html
from reports.sections.references.export import reference_lines, references_csv


def write_report(folder: StudyFolder, lang: str = "en") -> Path:
    """Write the report into the study folder, from its records alone.

    The files: ``report.html``, ``report.json``, ``ranking.csv``, ``ranking.md``, ``ranking.tex``, ``effects.parquet``,
    ``study.yaml`` (the study file as it was run), ``references.csv`` if the study has reference rows, and ``next.yaml``
    if there is something to run next.  In Chinese the names are ``report.zh.html`` and so on, next to the English
    files; files without translated text are shared.

    Returns:
        The path of the page.

    Raises:
        InputError: no such language, no study in the folder, records that do not belong together, or records or
            diagnoses that the manifest names but that are missing; no file is changed in these cases.
        EnvironmentProblem: the folder cannot be written, or pyarrow is missing, which omits only ``effects.parquet``.
    """
    text = load_catalogue(lang)
    frame = whole_frame(folder)
    report = build_report(frame, text)
    page = folder.path / named("report.html", lang)
    write_atomically(folder.path / named("report.json", lang), report.to_json().encode())
    write_atomically(folder.path / named("ranking.csv", lang), ranking_csv(report).encode())
    write_atomically(folder.path / named("ranking.md", lang), ranking_markdown(report, text).encode())
    write_atomically(folder.path / named("ranking.tex", lang), ranking_latex(report, text).encode())
    if reference_lines(report):
        write_atomically(folder.path / named("references.csv", lang), references_csv(report).encode())
    if content := frame.manifest.file.get("content"):
        write_atomically(folder.path / "study.yaml", str(content).encode())
    write_next(folder.path / "next.yaml", report.models.get("next"))
    write_atomically(page, render_html(report, text).encode())
    refresh_index(folder.path, lang)
    write_atomically(folder.path / "effects.parquet", effects_parquet(frame))
    return page
