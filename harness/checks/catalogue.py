"""Every figure, check and rule: those of the claims, then those of plug-ins."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from operator import attrgetter

from harness.checks.base import Check, Expected, Figure, Figures, Outcome, Rule, Status, Suggestion
from harness.checks.leads import Lead, Side, gravest
from harness.checks.problems import (
    calibration,
    evaluation,
    fusion,
    index,
    kl,
    loss,
    mixing,
    popularity,
    retriever,
    scope,
    search,
    serving,
    study,
    temperature,
    training,
)
from harness.checks.study import StudyCheck
from harness.plugins import Registry, instance_of
from harness.results.evidence import Entry

_MODULES = (
    serving,
    kl,
    training,
    index,
    fusion,
    mixing,
    calibration,
    loss,
    temperature,
    retriever,
    evaluation,
    scope,
    search,
    popularity,
)
"""The module beyond the problem list, then those of its ten claims in order."""

FIGURES = Registry[Figure](
    group="ftr_study.figures",
    what="figure",
    builtin=lambda: (figure for module in _MODULES for figure in module.FIGURES),
    name_of=attrgetter("name"),
    check=instance_of(Figure),
)
CHECKS = Registry[Check](
    group="ftr_study.checks",
    what="check",
    builtin=lambda: (check for module in _MODULES for check in module.CHECKS),
    name_of=attrgetter("code"),
    check=instance_of(Check),
)
STUDY_FIGURES: Mapping[str, Figure] = {figure.name: figure for figure in study.FIGURES}
"""Figures that a report measures over a whole study."""

STUDY_CHECKS = Registry[StudyCheck](
    group="ftr_study.study_checks",
    what="check of a study",
    builtin=lambda: study.CHECKS,
    name_of=attrgetter("code"),
    check=instance_of(StudyCheck),
)
RULES = Registry[Rule](
    group="ftr_study.rules",
    what="rule",
    builtin=lambda: (rule for module in _MODULES for rule in module.RULES),
    name_of=attrgetter("name"),
    check=instance_of(Rule),
)

PARTS: Mapping[str, tuple[str, str]] = {
    "TERM": (r"[a-z_]+", "a term of the loss: recommendation, enhanced, alignment, or an extra one"),
    "OTHER": (r"[a-z_]+", "a later term of the loss"),
    "GROUP": (r"[a-z_]+(?:\.\d+)?", "a group of parameters: retriever, fusion, or a part of the backbone"),
    "WAY": (r"(?:dense|overlap|both)_[a-z]+", "neighbours and how they are mixed, such as `overlap_product`"),
    "at_TAU": (r"at_[\d.]+", "`at_` and a temperature"),
    "query_LENGTH": (r"query_(?:to_\d+|beyond)", "`query_` and a stratum of prefix lengths, such as `to_10`, `beyond`"),
    "entry_LENGTH": (r"entry_(?:to_\d+|beyond)", "`entry_` and a stratum of prefix lengths"),
}
"""Word in the name of a family of figures -> what it matches, and what it stands for."""


def codes() -> tuple[str, ...]:
    """The codes of all checks, of a run and of a study."""
    return (*CHECKS, *STUDY_CHECKS)


def check_of(code: str) -> Check:
    """The check of that code, of a run or of a study.

    Raises:
        KeyError: no check has that code.
    """
    return CHECKS[code] if code in CHECKS else STUDY_CHECKS[code]


def figure_of(name: str) -> Figure:
    """The figure of that name, or the family that it belongs to.

    Raises:
        KeyError: no figure has that name.
    """
    if name in STUDY_FIGURES:
        return STUDY_FIGURES[name]
    if name in FIGURES:
        return FIGURES[name]
    for figure in FIGURES.values():
        if pattern_of(figure).fullmatch(name):
            return figure
    raise KeyError(name)


def pattern_of(figure: Figure) -> re.Pattern[str]:
    """The pattern of the names in a family of figures."""
    words = (PARTS[word][0] if word in PARTS else re.escape(word) for word in figure.name.split("."))
    return re.compile(r"\.".join(words))


def ask(check: Check, entries: Sequence[Entry], *, muted: Mapping[str, str] | None = None) -> Outcome:
    """The outcome of a check on the latest entry that has all figures that it reads.

    Args:
        check: the question.
        entries: of a run, oldest first.
        muted: code -> the study's reason for muting it.
    """
    if muted and check.code in muted:
        return Outcome(check=check, status=Status.MUTED, reason=muted[check.code])
    for entry in reversed(entries):
        read = {name: entry.figures[name] for name in check.reads if name in entry.figures}
        if len(read) < len(check.reads):
            continue
        errors = {name: entry.figures.get(name, math.nan) for name in check.errors}
        found = None if any(map(math.isnan, read.values())) else check.issue({**errors, **read})
        leads = (found,) if isinstance(found, Lead) else found if isinstance(found, tuple) else ()
        return Outcome(check=check, status=_status(found), epoch=entry.epoch, figures=read, leads=leads)
    return Outcome(check=check, status=Status.NOT_MEASURED)


def _status(found: bool | Lead | tuple[Lead, ...] | None) -> Status:
    if isinstance(found, tuple):
        return STATUS_OF[found[gravest([(each.by, each.half, each.smallest) for each in found])].side]
    if isinstance(found, Lead):
        return STATUS_OF[found.side]
    return Status.NOT_APPLICABLE if found is None else Status.ISSUE if found else Status.PASSED


STATUS_OF: Mapping[Side, Status] = {
    Side.BEYOND: Status.ISSUE,
    Side.SHORT: Status.PASSED,
    Side.UNSURE: Status.CANNOT_TELL,
}


def suggestions(*runs: Figures) -> tuple[Suggestion, ...]:
    """The suggestion of every rule that holds on base's runs: predicted gains first, then moves, then idle.

    A stack that one rule expects to be idle stays in the suggestion of another that expects more: the study decides.
    """
    found = [suggestion for rule in RULES.values() if (suggestion := rule(*runs)) is not None]
    order = {expected: place for place, expected in enumerate(Expected)}
    return tuple(sorted(found, key=lambda each: (order[each.rule.expected], -(each.gain or 0.0), -each.rule.weight)))
