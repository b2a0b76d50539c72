"""What a row's verdict makes of a prediction."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, cast

from reports.locale import Catalogue
from reports.sections.evidence.checks import Confirmation, Expected, confirmed
from reports.sections.report import Row

Became = Literal["confirmed", "refuted", "open", "untested"]

JUDGED = ("better", "worse", "equivalent", "inconclusive", "set_aside", "one_seed", "two_seeds", "partial", "no_effect")
"""Verdicts of rows that have run, whose outcome tests a prediction."""

EQUIVALENT = "equivalent"
"""An expectation of study files that no rule of the evidence has: no difference that matters."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """What a row measured and what that makes of a prediction.

    Attributes:
        effect, low, high: on the primary metric, with the interval that holds for all arms at once, or for this row
            alone where there is no other; None where nothing was measured.
        verdict, verdict_text: the row's.
        outcome: what became of the prediction.
    """

    effect: float | None = None
    low: float | None = None
    high: float | None = None
    verdict: str = ""
    verdict_text: str = ""
    outcome: Became
    outcome_text: str


def measured(row: Row, expected: str, text: Catalogue) -> dict[str, Any]:
    """The fields of :class:`Measured` for a row that tests a prediction."""
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
