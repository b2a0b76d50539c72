"""Why: figures and checks of base and of every arm that was looked at, side by side."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence

from harness.checks.catalogue import FIGURES
from harness.results.audit import Audit, Audited, Plain
from harness.results.manifest import BASE
from reports.claims import unmeasured_text
from reports.evidence import Evidence
from reports.evidence_model import FigureLine, Liveness, LiveParameter, StatusRow, Why
from reports.evidence_text import EvidenceTexts
from reports.locale import Catalogue
from reports.model import Figure, Scalar

MOST_SHOWN = 6
"""Arms beside base that have a column in the page."""

MOST_TRIED = 4


def why_of(evidence: Evidence, audit: Audit | None, text: Catalogue, words: EvidenceTexts) -> Why:
    """What was measured, with what is left out named."""
    liveness = None if audit is None else liveness_of(audit, text)
    if not evidence.names:
        sentence = unmeasured_text(evidence, text)
        nothing: tuple[()] = ()
        return Why(
            sentence=sentence,
            note="",
            arms=nothing,
            shown=nothing,
            lines=nothing,
            checks=nothing,
            by_arm=nothing,
            unmeasured=nothing,
            liveness=liveness,
        )
    shown = evidence.names[: MOST_SHOWN + 1]
    left_out = len(evidence.names) - len(shown)
    return Why(
        sentence=text(
            "why.sentence",
            n_runs=text.count("count.runs", sum(len(found) for found in evidence.diagnoses.values())),
            n_rows=len(evidence.names),
        ),
        note=text("why.left_out", n=text.count("count.arms", left_out)) if left_out else "",
        arms=tuple(evidence.arm(name) for name in evidence.names),
        shown=shown,
        lines=tuple(figure_lines(evidence, shown, text)),
        checks=tuple(evidence.check(each, BASE, words) for each in evidence.checks.get(BASE, {}).values()),
        by_arm=tuple(
            StatusRow(name=name, statuses=tuple(evidence.status(each) for each in evidence.checks[name].values()))
            for name in evidence.names
        ),
        unmeasured=evidence.unmeasured(),
        liveness=liveness,
    )


def figure_lines(evidence: Evidence, shown: Sequence[str], text: Catalogue) -> Iterable[FigureLine]:
    """The most telling figures that any of the rows has a number for."""
    start = evidence.start(BASE) if evidence.measured else {}
    last = {row: evidence.figures(row) for row in shown}
    for name, figure in FIGURES.items():
        if not figure.telling:
            continue
        values = tuple(number(last[row].get(name)) for row in shown)
        before = number(start.get(name))
        if before is None and not any(value is not None for value in values):
            continue
        key = f"why.figure.{name.replace('.', '_')}"
        label = text(key) if text.has(key) else figure.meaning
        kind = figure.unit.kind
        yield FigureLine(name=name, label=label, family=figure.claim, kind=kind, start=before, values=values)


def every_figure(evidence: Evidence, text: Catalogue) -> Figure:
    """All figures of all rows, before training and after, as the table that the page offers as CSV."""
    rows: list[tuple[Scalar, ...]] = []
    for name in evidence.names:
        start, last = evidence.start(name), evidence.figures(name)
        n_runs = len(evidence.runs(name))
        rows.extend((name, figure, number(start.get(figure)), number(value), n_runs) for figure, value in last.items())
    return Figure(
        id="evidence",
        title=text("why.figures"),
        caption=text("why.figures_caption"),
        alt=text("why.figures_caption"),
        columns=("arm", "figure", "before_training", "last", "n_runs"),
        rows=tuple(rows),
    )


def liveness_of(audit: Audit, text: Catalogue) -> Liveness:
    """The parameters that train nothing, from the audit of the study's base."""
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


def number(value: float | None) -> float | None:
    """The value where it is a finite number, else None."""
    return value if value is not None and math.isfinite(value) else None
