"""The evidence as typed values that several sections of the report and the diagnosis page share."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Status = Literal["passed", "issue", "cannot_tell", "not_applicable", "not_measured", "muted"]
Grade = Literal["high", "medium", "low"]
Values = Mapping[str, float | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckLine:
    """The outcome of a check on the runs of one arm, or on the study as a whole.

    Attributes:
        code: such as ``FTR101``.
        family: family of the claim that it bears on.
        title: what is wrong if it is an issue.
        status: status that most of the runs have.
        detected: how it was detected, with the mean of the figures; empty where there are none.
        why: why it matters.
        reduce: ids of remedies that reduce it.
        reason: why it was muted, in the study's words.
        by, half, smallest: mean distance beyond the threshold, half the width of its 95% interval, and for a gain the
            smallest that counts; None, None and 0 where the check has only yes or no.
        margin: the same in words.
        n_issue, n_alike, n_asked: runs whose figures lie beyond the threshold, runs with the same answer as `status`,
            and all runs that could answer.
        n_runs: runs of the arm that were diagnosed.
        epoch: epoch of the figures.
        figures: figures that the check read; None for a figure without a value.
        advice: what to do about an issue of the study; empty for a check of runs.
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
    """A row with a diagnosis.

    Attributes:
        replicates: replicates whose runs were diagnosed.
        level: diagnosis level.
        epoch: last epoch that was diagnosed; None where none was.
    """

    name: str
    replicates: tuple[int, ...]
    level: str
    epoch: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Unmeasured:
    """A run whose diagnosis failed.

    Attributes:
        problem: the last line of the error; `detail` is the whole text.
    """

    name: str
    replicate: int
    problem: str
    detail: str
