"""Checks over the replicates of an arm: what most of its runs show, with the mean of the figures."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace

from harness.checks.base import Check, Outcome, Status
from harness.checks.catalogue import CHECKS, STATUS_OF, ask
from harness.checks.leads import gravest, mean, pooled, side_of
from harness.results.evidence import Entry

Runs = Sequence[Sequence[Entry]]
"""The entries of each run of an arm, oldest first."""


def summarise(check: Check, runs: Runs, *, muted: Mapping[str, str] | None = None) -> Outcome:
    """The outcome of a check over runs, by the mean of those that could answer and its uncertainty.

    If the answers are a plain yes or no, more than half of them decide; otherwise the check cannot tell.
    The figures are the mean over all runs that could answer.
    """
    asked = [ask(check, entries, muted=muted) for entries in runs] or [ask(check, (), muted=muted)]
    counts = {status: sum(each.status is status for each in asked) for status in Status}
    answered = [each for each in asked if each.status in (Status.ISSUE, Status.PASSED, Status.CANNOT_TELL)]
    by = half = None
    smallest, question = 0.0, 0
    if answered and all(each.leads for each in answered):
        # Pool each question over all runs; never mix different questions of different runs.
        found = [pooled(leads) for leads in zip(*(each.leads for each in answered), strict=True)]
        question = gravest(found)
        by, half, smallest = found[question]
        status = STATUS_OF[side_of(by, half, smallest)]
    elif answered:
        most = max((Status.ISSUE, Status.PASSED), key=lambda each: counts[each])
        status = most if 2 * counts[most] > len(answered) else Status.CANNOT_TELL
    else:
        status = next(each for each in (Status.MUTED, Status.NOT_APPLICABLE, Status.NOT_MEASURED) if counts[each])
    alike = answered or [each for each in asked if each.status is status]
    n_issue = sum(_beyond(each, question) for each in answered)
    of_status = {Status.ISSUE: n_issue, Status.PASSED: len(answered) - n_issue}
    return replace(
        alike[0],
        status=status,
        figures={name: mean([each.figures[name] for each in alike]) for name in alike[0].figures},
        leads=(),
        by=by,
        half=half,
        smallest=smallest,
        known=not any(math.isnan(each.leads[question].error) for each in answered if each.leads),
        n_issue=n_issue,
        n_alike=counts[status] if by is None else of_status.get(status, 0),
        n_asked=len(answered),
    )


def _beyond(outcome: Outcome, question: int) -> bool:
    """Whether a run's figures lie beyond the threshold of a question, for sure or not."""
    if not outcome.leads:
        return outcome.status is Status.ISSUE
    lead = outcome.leads[question]
    return lead.by > lead.smallest


def summaries(runs: Runs, *, muted: Mapping[str, str] | None = None) -> dict[str, Outcome]:
    """The outcome of every check by its code, in the order of the claims."""
    return {code: summarise(check, runs, muted=muted) for code, check in CHECKS.items()}


def by_run(runs: Runs) -> list[dict[str, float]]:
    """Every figure of each run at the last epoch that has it."""
    return [{name: value for entry in entries for name, value in entry.figures.items()} for entries in runs]


def latest(runs: Runs) -> dict[str, float]:
    """Every figure at each run's last epoch that has it, mean over the runs; NaN if no run has a number."""
    last = by_run(runs)
    names = dict.fromkeys(name for figures in last for name in figures)
    return {name: mean([figures[name] for figures in last if name in figures]) for name in names}


def first(runs: Runs) -> dict[str, float]:
    """Every figure before training, mean over the runs."""
    return latest([entries[:1] for entries in runs])
