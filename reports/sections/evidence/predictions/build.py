"""Predictions that rules make from base's evidence, and their outcomes in this study."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import get_args

from harness.results.manifest import BASE
from reports.locale import Catalogue
from reports.sections.base import SectionInput
from reports.sections.evidence.checks import Remedy, by_run, suggestions
from reports.sections.evidence.measured import Evidence
from reports.sections.evidence.predictions.followed import Followed, followed_of
from reports.sections.evidence.predictions.outcome import Became, Measured, measured
from reports.sections.report import Row


@dataclass(frozen=True, slots=True, kw_only=True)
class Stack:
    """Remedies that a prediction is about, applied together.

    Attributes:
        text: their ids and the settings that the evidence determines.
        settings: for each remedy, the settings that the evidence determines.
    """

    ids: tuple[str, ...]
    text: str
    settings: tuple[Mapping[str, float | int | str], ...] = ()

    @property
    def remedies(self) -> tuple[Remedy, ...]:
        """The stack as remedies of the harness."""
        settings = self.settings or ({},) * len(self.ids)
        return tuple(Remedy(id=id, settings=own) for id, own in zip(self.ids, settings, strict=True))


@dataclass(frozen=True, slots=True, kw_only=True)
class Advice:
    """The advice of a rule from base's figures.

    Attributes:
        expected: ``better``, ``moves`` or ``idle``, predicted for each of the stacks.
        gain: predicted difference in NDCG@10 on the validation set, where a figure gives one.
    """

    rule: str
    title: str
    because: str
    condition: str
    expected: str
    expected_text: str
    gain: float | None
    stacks: tuple[Stack, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Tested(Measured):
    """A prediction and the row of this study that tests it.

    Attributes:
        arm: the row; empty where no row tests the prediction.
    """

    stack: str
    arm: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Prediction:
    """A rule's advice and its outcomes in this study."""

    advice: Advice
    tested: tuple[Tested, ...]

    @property
    def any_arm(self) -> bool:
        """Whether a row of this study tests the prediction."""
        return any(line.arm for line in self.tested)


@dataclass(frozen=True, slots=True, kw_only=True)
class Predictions:
    """Predictions from base's evidence and from the previous study, compared with the outcome of this study.

    Attributes:
        sentence: how many were confirmed, refuted, left open.
        follows: name of the study that this one follows; empty where `followed` is empty.
        followed: expectations of that study; the counts exclude them, they are about this study's own evidence.
        followed_sentence: how many of those were confirmed, refuted, left open.
    """

    sentence: str
    n_confirmed: int
    n_refuted: int
    n_open: int
    n_untested: int
    rules: tuple[Prediction, ...]
    follows: str = ""
    followed: tuple[Followed, ...] = ()
    followed_sentence: str = ""

    @property
    def n_tested(self) -> int:
        """Number of predictions that this study has an outcome for, counted per row."""
        return self.n_confirmed + self.n_refuted + self.n_open


def advice_of(evidence: Evidence, text: Catalogue, row: str = BASE) -> tuple[Advice, ...]:
    """Return the rules' advice from the figures of base, or of another row that is to become base.

    Predicted gains come first, then remedies that move ranks, then idle ones.
    """
    words = evidence.words
    runs = [
        {name: value if math.isfinite(value) else math.nan for name, value in figures.items()}
        for figures in by_run(evidence.runs(row))
    ]
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
        for found in suggestions(*runs)
    )


def predictions_of(given: SectionInput) -> Predictions | None:
    """Return every prediction with the rows of this study that test it; None where nothing is predicted."""
    rows, text = given.rows, given.text
    advice = advice_of(given.evidence, text) if given.evidence.measured else ()
    followed = followed_of(given.manifest.follows, rows, text)
    if not advice and not followed:
        return None
    made = tuple(
        Prediction(
            advice=each, tested=tuple(line for stack in each.stacks for line in _tested(each, stack, rows, text))
        )
        for each in advice
    )
    values = _counts(line for each in made for line in each.tested)
    n_tested = sum(values.values()) - values["n_untested"]
    return Predictions(
        sentence=text("predictions.sentence" if n_tested else "predictions.sentence_none", n=n_tested, **values),
        rules=made,
        follows=str(given.manifest.follows.get("study", "")) if followed else "",
        followed=followed,
        followed_sentence=_sentence(given, followed),
        **values,
    )


def _sentence(given: SectionInput, followed: Sequence[Followed]) -> str:
    """Return the outcomes of the previous study's expectations as a sentence; empty where there are none."""
    study = given.manifest.follows.get("study", "")
    return given.text("predictions.followed", study=study, n=len(followed), **_counts(followed)) if followed else ""


def _counts(lines: Iterable[Measured]) -> dict[str, int]:
    """Return the numbers of confirmed, refuted, open and untested predictions under the model's field names."""
    counts = Counter(line.outcome for line in lines)
    return {f"n_{name}": counts[name] for name in get_args(Became)}


def _tested(advice: Advice, stack: Stack, rows: Sequence[Row], text: Catalogue) -> list[Tested]:
    found = [
        row for row in rows if row.kind == "arm" and set(row.remedies) == set(stack.ids) and row.verdict != "alias"
    ]
    lines = [
        Tested(stack=stack.text, arm=row.name, **measured(row, advice.expected, text)) for row in found if not row.alias
    ]
    untested = text("predictions.became.untested")
    return lines or [Tested(stack=stack.text, outcome="untested", outcome_text=untested)]


def _stack(stack: Sequence[Remedy]) -> Stack:
    return Stack(
        ids=tuple(each.id for each in stack),
        text=" + ".join(each.id + _settings(each) for each in stack),
        settings=tuple({name: _rounded(value) for name, value in each.settings.items()} for each in stack),
    )


def _settings(remedy: Remedy) -> str:
    inside = ", ".join(
        f"{name}={_rounded(value):.4g}" if isinstance(value, float) else f"{name}={value}"
        for name, value in remedy.settings.items()
    )
    return f"[{inside}]" if inside else ""


def _rounded(value: float | int | str) -> float | int | str:
    """Return a setting rounded to four significant digits, because a mean over runs has many."""
    return float(f"{value:.4g}") if isinstance(value, float) else value
