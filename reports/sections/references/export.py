"""Reference rows as CSV."""

from __future__ import annotations

from reports.drawing.figure import to_csv
from reports.sections.references.model import ReferenceLine
from reports.sections.report import Report

COLUMNS = (
    "name",
    "title",
    "n_seeds",
    "level",
    "effect",
    "low",
    "high",
    "recall",
    "ndcg",
    "coverage",
    "settings",
    "note",
)


def reference_lines(report: Report) -> tuple[ReferenceLine, ...]:
    """Return base and the reference rows of a report; empty where the study has no reference rows."""
    found = report.models.get("references")
    return () if found is None else found.rows


def references_csv(report: Report) -> str:
    """Return one CSV line per row, base first, with unrounded figures."""
    return to_csv(COLUMNS, ([getattr(line, name) for name in COLUMNS] for line in reference_lines(report)))
