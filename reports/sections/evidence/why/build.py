"""Why: figures and checks of base and of every diagnosed arm, compared."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence

from harness.results.audit import Audit, Audited, Plain
from harness.results.manifest import BASE
from reports.drawing.figure import Figure, Line, finite
from reports.locale import Catalogue
from reports.sections.base import SectionInput
from reports.sections.evidence.checks import FIGURES, first, latest
from reports.sections.evidence.claims.build import unmeasured_text
from reports.sections.evidence.measured import Evidence
from reports.sections.evidence.why.mixtures import mixtures_of
from reports.sections.evidence.why.model import FigureLine, Liveness, LiveParameter, StatusRow, Why

MOST_SHOWN = 6
"""Largest number of arms that have a column in the page besides base."""

MOST_TRIED = 4


def why_of(given: SectionInput) -> Why:
    """Return the model of the section; it names the rows that are left out."""
    evidence, audit, text = given.evidence, given.frame.audit, given.text
    together = tuple(name for name in evidence.names if name not in evidence.apart)
    shown = together[: MOST_SHOWN + 1]
    left_out = len(together) - len(shown)
    n_runs = text.count("count.runs", sum(len(found) for found in evidence.diagnoses.values()))
    return Why(
        sentence=text("why.sentence", n_runs=n_runs, n_rows=len(evidence.names))
        if evidence.names
        else unmeasured_text(evidence, text),
        note=text("why.left_out", n=text.count("count.arms", left_out)) if left_out else "",
        replicates=evidence.shared,
        sample=_sample(evidence, text),
        arms=tuple(evidence.arm(name) for name in evidence.names),
        shown=shown,
        lines=tuple(figure_lines(evidence, shown, text)),
        checks=tuple(evidence.check(each) for each in evidence.checks.get(BASE, {}).values()),
        by_arm=tuple(StatusRow(name=name, statuses=evidence.statuses(name)) for name in together),
        unmeasured=evidence.unmeasured(),
        mixtures=mixtures_of(evidence, text),
        liveness=None if audit is None else liveness_of(audit, text),
    )


def _sample(evidence: Evidence, text: Catalogue) -> str:
    """Return over which replicates and how many queries the rows are compared, and which rows are left out."""
    if not evidence.shared:
        return ""
    numbers = ", ".join(map(str, evidence.shared))
    parts = [text("why.sample", numbers=numbers)]
    n_queries = evidence.figures(evidence.names[0]).get("sample.valid", math.nan)
    if math.isfinite(n_queries):
        parts.append(text("why.queries", n=f"{n_queries:,.0f}"))
    if evidence.apart:
        parts.append(text("why.apart", names=text("list.comma").join(evidence.apart)))
    return text("list.sentences").join(parts)


def figure_lines(evidence: Evidence, shown: Sequence[str], text: Catalogue) -> Iterable[FigureLine]:
    """Yield the most telling figures for which any of the rows has a number."""
    start = evidence.start(BASE) if evidence.measured else {}
    last = {row: evidence.figures(row) for row in shown}
    for name, figure in FIGURES.items():
        if not figure.telling:
            continue
        values = tuple(finite(last[row].get(name)) for row in shown)
        before = finite(start.get(name))
        if before is None and not any(value is not None for value in values):
            continue
        key = f"why.figure.{name.replace('.', '_')}"
        label = text(key) if text.has(key) else figure.meaning
        kind = figure.unit.kind
        yield FigureLine(name=name, label=label, family=figure.claim, kind=kind, start=before, values=values)


def every_figure(evidence: Evidence, text: Catalogue) -> Figure:
    """Return all figures of every diagnosed run, before training and after, as the table that the page offers."""
    rows: list[Line] = []
    for name in evidence.names:
        for number, found in sorted(evidence.diagnoses[name].items()):
            start, last = first([found.told]), latest([found.told])
            rows.extend((name, number, figure, finite(start.get(figure)), finite(last[figure])) for figure in last)
    return Figure(
        id="evidence",
        title=text("why.figures"),
        caption=text("why.figures_caption"),
        alt=text("why.figures_caption"),
        columns=("arm", "replicate", "figure", "before_training", "last"),
        rows=tuple(rows),
    )


def liveness_of(audit: Audit, text: Catalogue) -> Liveness:
    """Return the parameters without an effect on training, from the audit of the study's base."""
    tried = audit.by_reach()
    idle = audit.train_nothing()
    return Liveness(
        sentence=text("why.liveness", n_idle=len(idle), n_tried=len(tried))
        if idle
        else text("why.liveness_none", n_tried=len(tried)),
        n_tried=len(tried),
        idle=tuple(_parameter(each) for each in idle),
    )


def _parameter(each: Audited) -> LiveParameter:
    assert each.reach is not None
    assert each.training is not None
    tried = [_shown(trial.value) for trial in each.trials]
    more = ["…"] if len(tried) > MOST_TRIED else []
    return LiveParameter(
        name=each.name,
        alias=each.alias,
        value=_shown(each.value),
        tried=", ".join(tried[:MOST_TRIED] + more),
        reach=each.reach.name.lower(),
        training=each.training.name.lower(),
        users_moved=each.users_moved,
    )


def _shown(value: Plain | Mapping[str, object]) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)
