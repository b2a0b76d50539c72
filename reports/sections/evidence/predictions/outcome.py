"""The outcome of a prediction by the verdict of a row."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, cast

from reports.locale import Catalogue
from reports.sections.evidence.checks import Confirmation, Expected, confirmed
from reports.sections.report import Row

Became = Literal["confirmed", "refuted", "open", "untested"]

JUDGED = ("better", "worse", "equivalent", "inconclusive", "set_aside", "one_seed", "two_seeds", "partial", "no_effect")
"""Verdicts of rows that have run and therefore test a prediction."""

EQUIVALENT = "equivalent"
"""No difference that matters: an expectation that study files may have, but no rule of the evidence."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """The result of a row and the outcome of a prediction.

    Attributes:
        effect, low, high: on the primary metric, with the simultaneous interval for all arms, or this row's own where
            there is no simultaneous one; None where nothing was measured.
        verdict, verdict_text: those of the row.
        outcome: outcome of the prediction.
    """

    effect: float | None = None
    low: float | None = None
    high: float | None = None
    verdict: str = ""
    verdict_text: str = ""
    outcome: Became
    outcome_text: str


def measured(row: Row, expected: str, text: Catalogue) -> dict[str, Any]:
    """Return the fields of :class:`Measured` for a row that tests a prediction."""
    low, high = row.adjusted or row.plain or (None, None)
    outcome = outcome_of(expected, row)
    return {
        "effect": row.effect,
        "low": low,
        "high": high,
        "verdict": row.verdict,
        "verdict_text": row.verdict_text,
        "outcome": outcome,
        "outcome_text": text(f"predictions.became.{outcome}"),
    }


def outcome_of(expected: str, row: Row) -> Became:
    """Return the outcome of a prediction by a row's verdict; a gain too small to be worth having counts as none."""
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
