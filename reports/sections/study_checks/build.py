"""The checks of a study as the report shows them, and warnings for those that are an issue."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

from reports.checks.base import Asked
from reports.sections.base import SectionInput
from reports.sections.evidence.checks import Severity, Status
from reports.sections.evidence.measured import plain
from reports.sections.evidence.model import CheckLine
from reports.sections.evidence.texts import EvidenceTexts
from reports.sections.report import Finding


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyChecks:
    """Every check of the study, in the order of the codes."""

    checks: tuple[CheckLine, ...]


def study_checks_of(given: SectionInput) -> StudyChecks:
    """Return the outcome of every check, with its figures."""
    return StudyChecks(checks=tuple(_line(each, given) for each in given.study_checks.values()))


def study_findings(given: SectionInput) -> tuple[Finding, ...]:
    """Return a warning for each issue, the gravest first."""
    words, text = given.evidence.words, given.text
    issues = [each for each in given.study_checks.values() if each.outcome.status is Status.ISSUE]
    issues.sort(key=lambda each: tuple(Severity).index(each.check.severity))
    return tuple(
        Finding(
            code=each.check.code,
            severity="warning",
            title=_title(each, given),
            text=text("list.sentences").join(_said(each, words)),
            items=tuple(words.detected(outcome, named) for outcome, named in each.others),
        )
        for each in issues
    )


def _title(asked: Asked, given: SectionInput) -> str:
    title, about = given.evidence.words.title(asked.check), asked.check.about
    return given.text("study_checks.finding", title=title, about=asked.named[about]) if about else title


def _said(asked: Asked, words: EvidenceTexts) -> Iterator[str]:
    """Yield what was found, how certain it is, why it matters, and what to do."""
    yield _detected(asked, words)
    if margin := words.margin(asked.outcome):
        yield margin
    yield words.why(asked.check)
    yield words.advice(asked.check)


def _detected(asked: Asked, words: EvidenceTexts) -> str:
    return words.detected(asked.outcome, asked.named)


def _line(asked: Asked, given: SectionInput) -> CheckLine:
    words, outcome = given.evidence.words, asked.outcome
    known = outcome.half is not None and math.isfinite(outcome.half)
    return CheckLine(
        code=asked.check.code,
        family=asked.check.claim,
        severity=asked.check.severity.value,
        title=words.title(asked.check),
        status=given.evidence.status(outcome),
        detected=_detected(asked, words),
        why=words.why(asked.check),
        advice=words.advice(asked.check),
        reduce=asked.check.reduce,
        reason=outcome.reason,
        by=outcome.by if known else None,
        half=outcome.half if known else None,
        smallest=outcome.smallest,
        margin=words.margin(outcome),
        n_issue=0,
        n_alike=0,
        n_asked=0,
        n_runs=0,
        epoch=None,
        figures=plain(outcome.figures),
    )
