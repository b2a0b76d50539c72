"""Writes the report of a table of ranks, with file names as in a study's folder."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from harness.errors import InputError
from harness.files import write_atomically
from harness.results.frame import Frame
from reports.locale import Catalogue, languages
from reports.output.exports import ranking_csv, ranking_latex, ranking_markdown
from reports.output.tidy import effects_parquet
from reports.ranks.reading import stem_of
from reports.ranks.sections import texts_of
from reports.sections.report import Report

_WRITTEN = ("report{}.html", "ranking{}.csv", "ranking{}.md", "ranking{}.tex")
_SIZES = {"n_arms": "arms", "n_replicates": "seeds", "n_users": "users"}


def folder_beside(table: Path) -> Path:
    """The default folder for the report of a table: next to the table, with its name."""
    return table.parent / stem_of(table)


def save(folder: Path, *, page: str, report: Report, frame: Frame, text: Catalogue) -> Path:
    """Write ``report.html``, ``report.json``, ``ranking.csv``, ``.md``, ``.tex`` and ``effects.parquet``.

    In languages other than English, all names but the last contain the language, such as ``report.zh.html``.

    Args:
        page: the HTML.

    Returns:
        The path of the page.

    Raises:
        InputError: the folder is a study's, or holds the page of another or a larger table, or other files with the
            names to be written.
        EnvironmentProblem: pyarrow is missing, which omits only ``effects.parquet``.
    """
    lang = "" if report.lang == "en" else f".{report.lang}"
    _check_free(folder, lang, report)
    path = folder / f"report{lang}.html"
    write_atomically(folder / f"report{lang}.json", report.to_json().encode())
    write_atomically(folder / f"ranking{lang}.csv", ranking_csv(report).encode())
    write_atomically(folder / f"ranking{lang}.md", ranking_markdown(report, text).encode())
    write_atomically(folder / f"ranking{lang}.tex", ranking_latex(report, text).encode())
    write_atomically(path, page.encode())
    write_atomically(folder / "effects.parquet", effects_parquet(frame))
    return path


def _check_free(folder: Path, lang: str, report: Report) -> None:
    """Check that every file to be replaced belongs to an earlier page of the same table, in any language."""
    if folder.exists() and not folder.is_dir():
        raise InputError(f"{folder} is a file; choose another folder with --out")
    if (folder / "manifest.json").exists():
        raise InputError(f"{folder} is the folder of a study; choose another one with --out")
    endings = ["" if each == "en" else f".{each}" for each in languages()]
    pages = {each: path for each in endings if (path := folder / f"report{each}.json").exists()}
    for path in pages.values():
        _check_earlier(path, report)
    names = [
        *(name.format(lang) for name in _WRITTEN if lang not in pages),
        *(["effects.parquet"] if not pages else []),
    ]
    if taken := [name for name in names if (folder / name).exists()]:
        raise InputError(
            f"{folder} has {', '.join(taken)}, not written with the page of a table; choose another folder with --out"
        )


def _check_earlier(path: Path, report: Report) -> None:
    try:
        said: Any = json.loads(path.read_text(encoding="utf-8"))
        if "claims" in said:
            raise InputError(f"{path.parent} holds the page of a study; choose another one with --out")
        larger = [f"{said[key]:,} {what}" for key, what in _SIZES.items() if said[key] > getattr(report, key)]
        baseline = next(row["name"] for row in said["rows"] if row["kind"] == "base")
        earlier = (said["data"], baseline, said["primary"])
    except (json.JSONDecodeError, UnicodeDecodeError, KeyError, TypeError, StopIteration):
        raise InputError(f"{path} is not the report of a table of ranks; choose another folder with --out") from None
    own = (report.data, next(row.name for row in report.rows if row.kind == "base"), report.primary)
    if _untold(earlier) != _untold(own):
        names = [f"{table}, baseline {arm}, {metric}" for table, arm, metric in (earlier, own)]
        raise InputError(
            f"{path.parent} holds the page of another table ({names[0]}; this one is {names[1]}); "
            "choose another folder with --out, or remove that one"
        )
    if larger:
        here = ", ".join(f"{getattr(report, key):,} {what}" for key, what in _SIZES.items())
        raise InputError(
            f"{path.parent} holds the page of a larger table ({', '.join(larger)}; this one has {here}); "
            "choose another folder with --out, or remove that one"
        )


def _untold(table: tuple[str, str, str]) -> tuple[str, str, str]:
    """The key of a table in a language-independent form: the translated name of an unnamed frame becomes empty."""
    name, baseline, primary = table
    frames = [texts_of(each, baseline="", noise=False)("ranks.frame") for each in languages()]
    return "" if name in frames else name, baseline, primary
