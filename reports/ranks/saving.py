"""Files of the report of a table of ranks: those that a study's folder has."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from harness.errors import InputError
from harness.files import write_atomically
from harness.results.frame import Frame
from reports.locale import Catalogue
from reports.output.exports import ranking_csv, ranking_latex, ranking_markdown
from reports.output.tidy import effects_parquet
from reports.ranks.reading import stem_of
from reports.sections.report import Report

_SIZES = {"n_arms": "arms", "n_replicates": "seeds", "n_users": "users"}


def folder_beside(table: Path) -> Path:
    """Where the report of a table is written where nothing else is said: a folder of its name, beside it."""
    return table.parent / stem_of(table)


def save(folder: Path, *, page: str, report: Report, frame: Frame, text: Catalogue) -> Path:
    """Write ``report.html``, ``report.json``, ``ranking.csv``, ``.md``, ``.tex`` and ``effects.parquet``.

    The page of another language than English has it in its name, as ``report.zh.html``; so have the others.

    Args:
        page: the HTML.

    Returns:
        The path of the page.

    Raises:
        InputError: the folder is a study's, or holds the page of a larger table.
        EnvironmentProblem: pyarrow is missing, which leaves out the last file only.
    """
    lang = "" if report.lang == "en" else f".{report.lang}"
    _check_free(folder, folder / f"report{lang}.json", report)
    path = folder / f"report{lang}.html"
    write_atomically(folder / f"report{lang}.json", report.to_json().encode())
    write_atomically(folder / f"ranking{lang}.csv", ranking_csv(report).encode())
    write_atomically(folder / f"ranking{lang}.md", ranking_markdown(report, text).encode())
    write_atomically(folder / f"ranking{lang}.tex", ranking_latex(report, text).encode())
    write_atomically(path, page.encode())
    write_atomically(folder / "effects.parquet", effects_parquet(frame))
    return path


def _check_free(folder: Path, earlier: Path, report: Report) -> None:
    if folder.exists() and not folder.is_dir():
        raise InputError(f"{folder} is a file; choose another folder with --out")
    if (folder / "manifest.json").exists():
        raise InputError(f"{folder} is the folder of a study; choose another one with --out")
    if not earlier.exists():
        return
    try:
        said: Any = json.loads(earlier.read_text(encoding="utf-8"))
        if "claims" in said:
            raise InputError(f"{folder} holds the page of a study; choose another one with --out")
        larger = [f"{said[key]:,} {what}" for key, what in _SIZES.items() if said[key] > getattr(report, key)]
    except (json.JSONDecodeError, UnicodeDecodeError, KeyError, TypeError):
        raise InputError(f"{earlier} is not the report of a table of ranks; choose another folder with --out") from None
    if larger:
        here = ", ".join(f"{getattr(report, key):,} {what}" for key, what in _SIZES.items())
        raise InputError(
            f"{folder} holds the page of a larger table ({', '.join(larger)}; this one has {here}); "
            "choose another folder with --out, or remove that one"
        )
