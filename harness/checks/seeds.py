"""Checks over the replicates of an arm: what most of its runs show, with the mean of the figures."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from harness.checks.catalogue import CHECKS
from harness.checks.checks import Check, Outcome, Status, ask
from harness.results.evidence import Entry

Runs = Sequence[Sequence[Entry]]
"""The diaries of an arm's runs, each oldest first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """A check, asked of every run of an arm.

    Attributes:
        status: what most of the runs that could answer say; an issue where they are split evenly.
        n_issue: runs in which it is an issue.
        n_asked: runs that could answer with passed or issue.
        outcome: the check with the mean of its figures over the runs that have the status.
    """

    check: Check
    status: Status
    n_issue: int
    n_asked: int
    outcome: Outcome


def summarise(check: Check, runs: Runs, *, muted: Mapping[str, str] | None = None) -> Summary:
    """Ask a check of every run."""
    asked = [ask(check, entries, muted=muted) for entries in runs] or [ask(check, (), muted=muted)]
    counts = {status: sum(each.status is status for each in asked) for status in Status}
    n_issue, n_passed = counts[Status.ISSUE], counts[Status.PASSED]
    if n_issue + n_passed:
        status = Status.ISSUE if n_issue >= n_passed else Status.PASSED
    else:
        status = next(each for each in (Status.MUTED, Status.NOT_APPLICABLE, Status.NOT_MEASURED) if counts[each])
    alike = [each for each in asked if each.status is status]
    figures = {
        name: mean([each.figures[name] for each in alike if each.figures is not None])
        for name in (alike[0].figures or {})
    }
    outcome = Outcome(check=check, status=status, epoch=alike[0].epoch, figures=figures or None, reason=alike[0].reason)
    return Summary(check=check, status=status, n_issue=n_issue, n_asked=n_issue + n_passed, outcome=outcome)


def summaries(runs: Runs, *, muted: Mapping[str, str] | None = None) -> dict[str, Summary]:
    """Every check by its code, in the order of the claims."""
    return {check.code: summarise(check, runs, muted=muted) for check in CHECKS}


def latest(runs: Runs) -> dict[str, float]:
    """Every figure at the last epoch that has it, mean over the runs; NaN where no run has a number."""
    names = dict.fromkeys(name for entries in runs for entry in entries for name in entry.figures)
    return {name: mean([value for entries in runs if (value := _last(entries, name)) is not None]) for name in names}


def first(runs: Runs) -> dict[str, float]:
    """Every figure before training, mean over the runs."""
    return latest([entries[:1] for entries in runs])


def mean(values: Sequence[float]) -> float:
    """Mean of the numbers among the values; NaN where there is none."""
    numbers = [each for each in values if not math.isnan(each)]
    return math.fsum(numbers) / len(numbers) if numbers else math.nan


def _last(entries: Sequence[Entry], name: str) -> float | None:
    return next((entry.figures[name] for entry in reversed(entries) if name in entry.figures), None)
