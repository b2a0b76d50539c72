"""The typed report of a study: every section asked in turn."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Sequence
from typing import ParamSpec, TypeVar

from harness.results.frame import Frame
from harness.results.manifest import A_A
from harness.results.metrics import METRICS
from reports.locale import Catalogue
from reports.sections.base import Part, Section, SectionInput
from reports.sections.evidence.measured import evidence_of
from reports.sections.ranking.build import ranking_rows
from reports.sections.registry import in_page_order, with_texts
from reports.sections.report import Report
from reports.stats.analysis import Analysis, analyse

log = logging.getLogger(__name__)

P = ParamSpec("P")
T = TypeVar("T")


def build_report(frame: Frame, text: Catalogue, sections: Sequence[Section] | None = None) -> Report:
    """Everything that the page and ``report.json`` say of a study.

    Args:
        sections: in page order; all that there are, where None.
    """
    sections = in_page_order() if sections is None else sections
    given = input_of(frame, with_texts(text, sections))
    asked = {section: attempt(section, section.build, given) for section in sections}
    parts: dict[Section, Part] = {section: part for section, part in asked.items() if part is not None}
    manifest = frame.manifest
    return Report(
        lang=text.lang,
        study=manifest.name,
        question=manifest.question,
        data=str(manifest.data.get("name", "")),
        primary=manifest.primary,
        primary_label=given.metric,
        metrics=tuple(METRICS),
        n_users=frame.n_users,
        n_arms=sum(row.kind == "arm" for row in given.rows),
        n_replicates=len(manifest.replicates),
        decimals=given.decimals,
        sesoi=given.analysis.sesoi,
        sesoi_relative=manifest.sesoi,
        findings=tuple(finding for part in parts.values() for finding in part.findings),
        rows=given.rows,
        figures={figure.id: figure for part in parts.values() for figure in part.figures},
        sections=tuple(section.id for section in parts),
        models={each.id: parts[each].model if each in parts else None for each in sections if each.model is not None},
    )


def input_of(frame: Frame, text: Catalogue) -> SectionInput:
    """What sections are built from, of one study in one language."""
    analysis = analyse(frame)
    decimals = effect_decimals(analysis)
    rows = ranking_rows(analysis, decimals, text)
    evidence = evidence_of(frame.manifest, frame.diagnoses, text.lang, [row.name for row in rows])
    return SectionInput(analysis=analysis, rows=rows, evidence=evidence, decimals=decimals, text=text)


def attempt(section: Section, action: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T | None:
    """What a section does; None, and a line in the log, where a plug-in's fails: the report is written without it."""
    try:
        return action(*args, **kwargs)
    except Exception as problem:
        if type(section).__module__.startswith("reports."):
            raise
        log.warning("report section %s (%s) is left out: %s", section.id, type(section).__module__, problem)
        return None


def effect_decimals(analysis: Analysis) -> int:
    """Decimals that show the first digit of the typical standard error, from 4 to 6."""
    errors = sorted(effect.se for name, effect in analysis.effects.items() if effect.se > 0.0 and name != A_A)
    if not errors:
        return 4
    return min(max(math.ceil(-math.log10(errors[len(errors) // 2])), 4), 6)
