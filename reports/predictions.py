"""Predictions that rules make from base's evidence, and what became of them in this study."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from typing import cast

from harness.checks.base import Expected, Remedy
from harness.checks.catalogue import suggestions
from harness.checks.claims import Confirmation, confirmed
from harness.results.manifest import BASE
from reports.evidence import Evidence
from reports.evidence_model import Advice, Became, Prediction, Predictions, Stack, Tested
from reports.evidence_text import EvidenceTexts
from reports.locale import Catalogue
from reports.model import Row

JUDGED = ("better", "worse", "equivalent", "inconclusive", "one_seed", "no_effect")
"""Verdicts of rows that have run, whose outcome tests a prediction."""


def advice_of(evidence: Evidence, text: Catalogue, words: EvidenceTexts) -> tuple[Advice, ...]:
    """What the rules make of base's figures: predicted gains first, then what moves, then what is idle."""
    figures = {name: value for name, value in evidence.figures(BASE).items() if math.isfinite(value)}
    return tuple(
        Advice(
            rule=found.rule.name,
            title=words.advises(found),
            because=words.because(found),
            condition=words.condition(found),
            expected=found.rule.expected.value,
            expected_text=text(f"predictions.expected.{found.rule.expected.value}"),
            gain=found.gain,
            stacks=tuple(_stack(stack) for stack in found.stacks),
        )
        for found in suggestions(figures)
    )


def predictions_of(
    evidence: Evidence, rows: Sequence[Row], text: Catalogue, words: EvidenceTexts
) -> Predictions | None:
    """Every prediction against the rows of this study that test it; None where nothing is predicted."""
    if not evidence.measured:
        return None
    advice = advice_of(evidence, text, words)
    if not advice:
        return None
    made = tuple(
        Prediction(
            advice=each, tested=tuple(line for stack in each.stacks for line in _tested(each, stack, rows, text))
        )
        for each in advice
    )
    counts = Counter(line.outcome for each in made for line in each.tested)
    n_tested = counts["confirmed"] + counts["refuted"] + counts["open"]
    values = {f"n_{name}": counts[name] for name in ("confirmed", "refuted", "open", "untested")}
    return Predictions(
        sentence=text("predictions.sentence" if n_tested else "predictions.sentence_none", n=n_tested, **values),
        rules=made,
        **values,
    )


def _tested(advice: Advice, stack: Stack, rows: Sequence[Row], text: Catalogue) -> list[Tested]:
    found = [
        row for row in rows if row.kind == "arm" and set(row.remedies) == set(stack.ids) and row.verdict != "alias"
    ]
    lines = [_line(advice, stack, row, text) for row in found if not row.alias]
    return lines or [_untested(stack, text)]


def _line(advice: Advice, stack: Stack, row: Row, text: Catalogue) -> Tested:
    outcome = outcome_of(advice.expected, row)
    low, high = row.adjusted or row.plain or (None, None)
    return Tested(
        stack=stack.text,
        arm=row.name,
        effect=row.effect,
        low=low,
        high=high,
        verdict=row.verdict,
        verdict_text=row.verdict_text,
        outcome=outcome,
        outcome_text=text(f"predictions.became.{outcome}"),
    )


def outcome_of(expected: str, row: Row) -> Became:
    """What a row's verdict makes of a prediction; a gain too small to be worth having counts as none."""
    if row.verdict not in JUDGED:
        return "untested"
    verdict = "equivalent" if row.verdict == "better" and row.negligible else row.verdict
    verdict = {"one_seed": "inconclusive", "no_effect": "equivalent"}.get(verdict, verdict)
    found: Confirmation = confirmed(Expected(expected), verdict, moved=row.verdict != "no_effect")
    return cast("Became", found.value)


def _untested(stack: Stack, text: Catalogue) -> Tested:
    return Tested(
        stack=stack.text,
        arm="",
        effect=None,
        low=None,
        high=None,
        verdict="",
        verdict_text="",
        outcome="untested",
        outcome_text=text("predictions.became.untested"),
    )


def _stack(stack: Sequence[Remedy]) -> Stack:
    return Stack(
        ids=tuple(each.id for each in stack),
        text=" + ".join(each.id + _settings(each) for each in stack),
        yaml=_yaml(stack),
    )


def _settings(remedy: Remedy) -> str:
    inside = ", ".join(f"{name}={_rounded(value)}" for name, value in remedy.settings.items())
    return f"[{inside}]" if inside else ""


def _yaml(stack: Sequence[Remedy]) -> str:
    """The line of ``arms:`` that runs the stack, named after what its remedies do."""
    name = "+".join(each.id.partition(".")[2] for each in stack)
    parts = [f"{{{each.id}: {_flow(each)}}}" if each.settings else each.id for each in stack]
    return f"  {name}: {parts[0] if len(parts) == 1 else '[' + ', '.join(parts) + ']'}"


def _flow(remedy: Remedy) -> str:
    return "{" + ", ".join(f"{name}: {_rounded(value)}" for name, value in remedy.settings.items()) + "}"


def _rounded(value: float | int | str) -> str:
    """A setting without the digits that a mean over runs leaves behind it."""
    return f"{value:.4g}" if isinstance(value, float) else str(value)
