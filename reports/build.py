"""The typed report of a study, from its frame."""

from __future__ import annotations

import math
from dataclasses import replace

from harness.results.frame import Frame
from harness.results.manifest import A_A
from harness.results.metrics import tabulated
from reports import formats
from reports.analysis import Analysis, analyse
from reports.answer import answer_of, cause_of, findings_of
from reports.claims import claims_of
from reports.evidence import evidence_of
from reports.evidence_text import load_evidence_texts
from reports.figures import cost, crossings, curves, forest, groups, headroom, modes, reach, searches, trends
from reports.figures.stack_tables import tables_of_stacks
from reports.locale import Catalogue
from reports.model import Finding, Report
from reports.predictions import predictions_of
from reports.provenance import method_of
from reports.rows import ranking_rows
from reports.search import search_findings, search_of
from reports.stacks import stack_findings, stacks_of
from reports.who import who_gains
from reports.why import every_figure, why_of
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
    evidence = evidence_of(manifest, frame.diagnoses, [row.name for row in rows])
    words = load_evidence_texts(text.lang)
    if broken := evidence.unmeasured():
        n_broken = text.count("count.runs", len(broken))
        findings = (*findings, _unmeasured([f"{each.name} ({each.replicate})" for each in broken], n_broken, text))
    stacks = stacks_of(analysis, rows, decimals, text)
    findings = (*findings, *stack_findings(stacks, text))
    searched = search_of(manifest, text)
    findings = (*findings, *search_findings(searched, manifest, text))
    answer = answer_of(analysis, rows, decimals, text)
    answer = replace(answer, cause=cause_of(answer, evidence, text, words))
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
    if evidence.names:
        figures += tuple(each.table(evidence, text) for each in (reach, trends, headroom))
        figures += (every_figure(evidence, text),)
    if stacks is not None:
        figures += tables_of_stacks(stacks, label, decimals, text)
    if searched is not None:
        figures += searches.tables(searched, label, text)
    return Report(
        lang=text.lang,
        study=manifest.name,
        question=manifest.question,
        data=str(manifest.data.get("name", "")),
        primary=manifest.primary,
        primary_label=label,
        metrics=tabulated(manifest.primary),
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
        claims=claims_of(evidence, rows, manifest.base, decimals, text, words),
        why=why_of(evidence, frame.audit, text, words),
        predictions=predictions_of(evidence, rows, text, words),
        who=who,
        cost=price,
        stacks=stacks,
        priorities=priorities_of(analysis, rows, text),
        search=searched,
        method=method_of(analysis, decimals, text),
    )


def _unmeasured(runs: list[str], n: str, text: Catalogue) -> Finding:
    return Finding(
        code="unmeasured",
        severity="note",
        title=text("finding.unmeasured.title"),
        text=text("finding.unmeasured.text", n=n),
        items=tuple(runs),
    )


def effect_decimals(analysis: Analysis) -> int:
    """Decimals that show the first digit of the typical standard error, from 4 to 6."""
    errors = sorted(effect.se for name, effect in analysis.effects.items() if effect.se > 0.0 and name != A_A)
    if not errors:
        return 4
    return min(max(math.ceil(-math.log10(errors[len(errors) // 2])), 4), 6)
