"""Runs every check of a study: those of the harness, then those of plug-ins."""

from __future__ import annotations

from collections.abc import Mapping
from operator import attrgetter

from harness.checks.base import Outcome, Status
from harness.checks.catalogue import STUDY_CHECKS
from harness.checks.seeds import summarise
from harness.checks.study import StudyCheck
from harness.plugins import Registry, subclass_of
from harness.results.evidence import Entry
from reports.checks.base import Asked, Candidate, Measure
from reports.checks.cutoffs import LossElsewhere
from reports.checks.edges import BestOnTheEdge
from reports.checks.order import EarlyOrder
from reports.checks.references import ReferenceBeatsBase
from reports.checks.ties import TiesDecide
from reports.stats.analysis import Analysis

MEASURES: Registry[type[Measure]] = Registry(
    group="ftr_study.study_measures",
    what="measure of a study",
    builtin=lambda: (ReferenceBeatsBase, BestOnTheEdge, EarlyOrder, TiesDecide, LossElsewhere),
    name_of=attrgetter("code"),
    check=subclass_of(Measure),
)

GRAVEST = (Status.ISSUE, Status.CANNOT_TELL, Status.PASSED, Status.NOT_APPLICABLE)


def ask_study(analysis: Analysis, lang: str, muted: Mapping[str, str]) -> dict[str, Asked]:
    """Return the outcome of every check of a study, by code.

    Args:
        lang: language of the names in the sentences.
        muted: code -> the study's reason for skipping the check.
    """
    return {code: _asked(check, analysis, lang, muted) for code, check in STUDY_CHECKS.items()}


def _asked(check: StudyCheck, analysis: Analysis, lang: str, muted: Mapping[str, str]) -> Asked:
    if check.code in muted:
        return Asked(check=check, outcome=summarise(check, (), muted=muted))
    measure = MEASURES.get(check.code)
    found = Status.NOT_MEASURED if measure is None else measure().measure(analysis, lang)
    if isinstance(found, Status):
        return Asked(check=check, outcome=Outcome(check=check, status=found))
    answers = [(_answer(check, each), each.named) for each in found]
    answers.sort(key=lambda answer: GRAVEST.index(answer[0].status))
    (outcome, named), *others = answers
    more = tuple(each for each in others if each[0].status is Status.ISSUE)
    return Asked(check=check, outcome=outcome, named=named, others=more)


def _answer(check: StudyCheck, candidate: Candidate) -> Outcome:
    return summarise(check, [(Entry(epoch=0, figures=candidate.figures),)])
