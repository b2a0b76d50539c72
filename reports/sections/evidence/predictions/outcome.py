"""What a row's verdict makes of a prediction."""

from __future__ import annotations

from typing import Literal, cast

from reports.sections.evidence.checks import Confirmation, Expected, confirmed
from reports.sections.report import Row

Became = Literal["confirmed", "refuted", "open", "untested"]

JUDGED = ("better", "worse", "equivalent", "inconclusive", "set_aside", "one_seed", "two_seeds", "partial", "no_effect")
"""Verdicts of rows that have run, whose outcome tests a prediction."""

EQUIVALENT = "equivalent"
"""An expectation of study files that no rule of the evidence has: no difference that matters."""


def outcome_of(expected: str, row: Row) -> Became:
    """What a row's verdict makes of a prediction; a gain too small to be worth having counts as none."""
    if row.verdict not in JUDGED:
        return "untested"
    if row.verdict == "partial":
        return "open"
    verdict = "equivalent" if row.verdict == "better" and row.negligible else row.verdict
    undecided = dict.fromkeys(("set_aside", "one_seed", "two_seeds"), "inconclusive")
    verdict = {**undecided, "no_effect": "equivalent"}.get(verdict, verdict)
    if expected == EQUIVALENT:
        found = {"equivalent": "confirmed", "inconclusive": "open"}
        return cast("Became", found.get(verdict, "confirmed" if row.negligible else "refuted"))
    became: Confirmation = confirmed(Expected(expected), verdict, moved=row.verdict != "no_effect")
    return cast("Became", became.value)
