"""Coded checks: what the figures of a run say about each claim, each with its cause and a way out.

A check is a function of figures, with a threshold that is written down, so that it can be argued with.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum

from harness.results.evidence import Entry

Figures = Mapping[str, float]

SMALLEST_GAIN = 0.002
"""A difference of oracles below this, in the metric, is noise among five hundred queries."""


def clear_gain(figures: Figures, before: str, after: str, error: str) -> bool:
    """Whether a figure rises above another by more than noise: :data:`SMALLEST_GAIN` and two standard errors."""
    return figures[after] - figures[before] > max(SMALLEST_GAIN, 2.0 * figures[error])


class Status(Enum):
    """What became of a check."""

    PASSED = "passed"
    ISSUE = "issue"
    NOT_APPLICABLE = "not_applicable"
    NOT_MEASURED = "not_measured"
    MUTED = "muted"


class Severity(Enum):
    """How much an issue matters."""

    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """A question to the figures of a run.

    Attributes:
        code: stable id, such as ``FTR101``; the digits before the last two are the claim's, 0 beyond the seed.
        claim: family of the claim that it bears on.
        title: what is wrong where it is an issue.
        severity: of the issue.
        reads: figures that it needs.
        issue: whether the figures show the issue; None where it cannot arise in this run.
        condition: when it is an issue, and when it is not applicable, in words.
        detected: how, with the figures in braces, dots as underscores.
        why: why it matters.
        reduce: ids of interventions that reduce it; empty where only the study can.
    """

    code: str
    claim: str
    title: str
    severity: Severity
    reads: tuple[str, ...]
    issue: Callable[[Figures], bool | None]
    condition: str
    detected: str
    why: str
    reduce: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """A check, asked.

    Attributes:
        check: the question.
        status: the answer.
        epoch: whose figures answered; None where none did.
        figures: those that it read.
        reason: why it was muted, in the study's words.
    """

    check: Check
    status: Status
    epoch: int | None = None
    figures: Mapping[str, float] | None = None
    reason: str = ""

    @property
    def detected(self) -> str:
        """How it was detected, with the figures."""
        return self.check.detected.format(**_by_short_name(self.figures or {})) if self.figures else ""


def ask(check: Check, entries: Sequence[Entry], *, muted: Mapping[str, str] | None = None) -> Outcome:
    """Ask the latest entry that has all that the check reads.

    Args:
        check: the question.
        entries: of a run's diary, oldest first.
        muted: code -> the reason that a study gives for not asking it.
    """
    if muted and check.code in muted:
        return Outcome(check=check, status=Status.MUTED, reason=muted[check.code])
    for entry in reversed(entries):
        read = {name: entry.figures[name] for name in check.reads if name in entry.figures}
        if len(read) < len(check.reads):
            continue
        if any(math.isnan(value) for value in read.values()):
            return Outcome(check=check, status=Status.NOT_APPLICABLE, epoch=entry.epoch, figures=read)
        found = check.issue(read)
        status = Status.NOT_APPLICABLE if found is None else Status.ISSUE if found else Status.PASSED
        return Outcome(check=check, status=status, epoch=entry.epoch, figures=read)
    return Outcome(check=check, status=Status.NOT_MEASURED)


def _by_short_name(figures: Figures) -> dict[str, float]:
    """Figures by names that a format string can hold, dots as underscores."""
    return {name.replace(".", "_"): value for name, value in figures.items()}
