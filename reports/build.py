"""The typed report of a study, from its frame."""

from __future__ import annotations

import math

from harness.manifest import A_A
from harness.metrics import METRICS
from reports import formats
from reports.analysis import Analysis, analyse
from reports.answer import answer_of, findings_of
from reports.figures import cost, crossings, curves, forest, groups, modes
from reports.frame import Frame
from reports.locale import Catalogue
from reports.model import Finding, Report
from reports.provenance import method_of
from reports.rows import ranking_rows
from reports.who import who_gains
from reports.worth import cost_of, priorities_of


def build_report(frame: Frame, text: Catalogue) -> Report:
    """Everything that the page and ``report.json`` say of a study."""
    manifest = frame.manifest
    analysis = analyse(frame)
    decimals = effect_decimals(analysis)
    rows = ranking_rows(analysis, decimals, text)
    label = formats.metric_label(manifest.primary)
    learning = curves.table(frame, rows, text)
    findings = findings_of(analysis, rows, decimals, text)
    if frame.records and not learning.rows:
        missing = Finding(
            code="no_curve",
            severity="note",
            title=text("finding.no_curve.title"),
            text=text("finding.no_curve.text", metric=label),
        )
        findings = (*findings, missing)
    answer = answer_of(analysis, rows, decimals, text)
    who = who_gains(analysis, rows, answer.arm, decimals, text)
    price = cost_of(rows, decimals, text)
    figures = (
        forest.table(rows, analysis, decimals, text),
        learning,
        modes.table(rows, label, decimals, text),
        groups.table(who, label, analysis.one_seed, text),
        crossings.table(rows, analysis, text),
        cost.table(rows, price, label, text),
    )
    return Report(
        lang=text.lang,
        study=manifest.name,
        question=manifest.question,
        data=str(manifest.data.get("name", "")),
        primary=manifest.primary,
        primary_label=label,
        metrics=METRICS,
        n_users=frame.n_users,
        n_arms=sum(row.kind == "arm" for row in rows),
        n_replicates=len(manifest.replicates),
        decimals=decimals,
        sesoi=analysis.sesoi,
        sesoi_relative=manifest.sesoi,
        answer=answer,
        findings=findings,
        rows=rows,
        figures={figure.id: figure for figure in figures},
        who=who,
        cost=price,
        priorities=priorities_of(analysis, rows, text),
        method=method_of(analysis, decimals, text),
    )


def effect_decimals(analysis: Analysis) -> int:
    """Decimals that show the first digit of the typical standard error, from 4 to 6."""
    errors = sorted(effect.se for name, effect in analysis.effects.items() if effect.se > 0.0 and name != A_A)
    if not errors:
        return 4
    return min(max(math.ceil(-math.log10(errors[len(errors) // 2])), 4), 6)
