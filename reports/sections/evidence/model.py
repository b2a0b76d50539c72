"""The evidence in a report as typed values that several sections and the diagnosis show."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Status = Literal["passed", "issue", "cannot_tell", "not_applicable", "not_measured", "muted"]
Grade = Literal["high", "medium", "low"]
Values = Mapping[str, float | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckLine:
    """A check, asked of the runs of one arm.

    Attributes:
        code: such as ``FTR101``.
        family: of the claim that it bears on.
        title: what is wrong where it is an issue.
        status: what most of its runs say.
        detected: how, with the mean of the figures; empty where there are none.
        why: why it matters.
        reduce: ids of remedies that reduce it.
        reason: why it was muted, in the study's words.
        by, half, smallest: mean distance beyond the threshold, half the width of its 95% interval, and for a gain the
            smallest that counts; None and 0 where the answer is yes or no.
        margin: the same in words.
        n_issue, n_alike, n_asked: runs whose figures lie beyond the threshold, runs that answer as `status` does, and
            all that could answer.
        n_runs: runs of the arm that were diagnosed.
        epoch: whose figures answered.
        figures: those that it read; None for a figure without a value.
        advice: what to do, where no remedy reduces it.
    """

    code: str
    family: str
    severity: Grade
    title: str
    status: Status
    detected: str
    why: str
    reduce: tuple[str, ...]
    reason: str
    by: float | None
    half: float | None
    smallest: float
    margin: str
    n_issue: int
    n_alike: int
    n_asked: int
    n_runs: int
    epoch: int | None
    figures: Values
    advice: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class DiagnosedArm:
    """A row that was looked at.

    Attributes:
        replicates: those whose runs were.
        level: how much was measured.
        epoch: the last one that was looked at; None where none was.
    """

    name: str
    replicates: tuple[int, ...]
    level: str
    epoch: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Unmeasured:
    """A run whose diagnosis came to an end early.

    Attributes:
        problem: why, its first line; `detail` is the whole.
    """

    name: str
    replicate: int
    problem: str
    detail: str
