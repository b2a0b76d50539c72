"""The comparison of two frames."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace

from harness.errors import InputError
from harness.results.frame import Frame
from harness.results.manifest import BASE
from harness.results.reading import refuse_gaps
from reports.locale import Catalogue, formats, load_catalogue
from reports.output.comparison import figure
from reports.output.comparison.model import Comparison, Order, Pair, Side, SideEffect
from reports.output.comparison.text import Wording, answer_text, facts_of, findings_of, paragraphs_of
from reports.sections.answer.build import answer_of
from reports.sections.assembly import effect_decimals
from reports.sections.ranking.build import ranking_rows
from reports.sections.report import Row, filled
from reports.stats import contrast as contrasts
from reports.stats.analysis import Analysis, analyse
from reports.stats.contrast import Contrast, Design, Estimate, Scale
from reports.stats.matching import match_rows


def compare(a: Frame, b: Frame, *, text: Catalogue | None = None, labels: tuple[str, str] | None = None) -> Comparison:
    """Compare two studies: the same arms on two data sets, on two bases, or with two budgets.

    Args:
        text: texts of the language; English if None.
        labels: labels of the studies; :func:`labels_of` if None.

    Raises:
        InputError: different primary metrics, no arm in common, no finished run of base, or missing records.
    """
    text = text or load_catalogue("en")
    labels = labels or labels_of(a, b)
    _check(a, b, labels)
    analyses = (analyse(a), analyse(b))
    rows = tuple({row.name: row for row in ranking_rows(each, effect_decimals(each), text)} for each in analyses)
    matching = match_rows(a.manifest, b.manifest)
    if not matching.pairs:
        arms = " and ".join(
            f"{label} has {', '.join(row.name for row in alone) or 'none'}"
            for label, alone in zip(labels, (matching.only_a, matching.only_b), strict=True)
        )
        raise InputError(
            f"the studies have no arm in common, so there is nothing to compare: {arms}; arms are the same where they "
            "have the same remedies at the same settings"
        )
    design = contrasts.design_of(a, b)
    sides = tuple(_side(each, found, label, text) for each, found, label in zip(analyses, rows, labels, strict=True))
    scale: Scale = "absolute" if design == "paired" or min(side.base for side in sides) == 0.0 else "relative"
    sesoi = min(side.sesoi for side in sides) if scale == "absolute" else min(a.manifest.sesoi, b.manifest.sesoi)
    # With the same users, effects are shown on the replicates that base has in both studies.
    beside = contrasts.on_common(a, b) if design == "paired" else (a, b)
    estimates = (
        contrasts.estimates(beside[0], tuple(match.a.name for match in matching.pairs), scale),
        contrasts.estimates(beside[1], tuple(match.b.name for match in matching.pairs), scale),
    )
    decimals = max(effect_decimals(each) for each in analyses) if scale == "absolute" else _percent_decimals(estimates)
    said = Wording(labels=labels, design=design, scale=scale, decimals=decimals, text=text)
    both = [_pair(rows[0][each.a.name], rows[1][each.b.name], estimates) for each in matching.pairs]
    found = _contrasts(a, b, both, estimates, design, sesoi)
    pairs = sorted(
        (_judged(pair, found.get(pair.a.name), said) for pair in both),
        key=lambda pair: (pair.a.value is None, -(pair.a.value or 0.0), pair.name),
    )
    order = _order(pairs)
    n_tests = sum(each.p is not None for each in found.values())
    label = formats.metric_label(a.manifest.primary)
    answer, support = answer_text(pairs, order, said)
    return Comparison(
        lang=text.lang,
        primary=a.manifest.primary,
        primary_label=label,
        scale=scale,
        design=design,
        decimals=decimals,
        sesoi=sesoi,
        a=sides[0],
        b=sides[1],
        answer=answer,
        support=support,
        findings=findings_of(analyses, matching, said),
        pairs=tuple(pairs),
        only_a=tuple(row.name for row in matching.only_a),
        only_b=tuple(row.name for row in matching.only_b),
        order=order,
        n_tests=n_tests,
        figure=figure.table(pairs, label, said),
        facts=facts_of(a, b, text),
        paragraphs=paragraphs_of(sesoi, n_tests, said),
    )


def labels_of(a: Frame, b: Frame) -> tuple[str, str]:
    """Return distinct labels of the studies: the name, else name and data set, else name and number."""
    names = (a.manifest.name, b.manifest.name)
    if names[0] != names[1]:
        return names
    data = [str(frame.manifest.data.get("name", "")) for frame in (a, b)]
    if data[0] != data[1]:
        return f"{names[0]} ({data[0]})", f"{names[1]} ({data[1]})"
    return f"{names[0]} (1)", f"{names[1]} (2)"


def _check(a: Frame, b: Frame, labels: Sequence[str]) -> None:
    if a.manifest.primary != b.manifest.primary:
        raise InputError(
            f"the studies have different primary metrics, {a.manifest.primary} in {labels[0]} and "
            f"{b.manifest.primary} in {labels[1]}; set the same 'primary:' in both study files and run one again"
        )
    for frame, label in zip((a, b), labels, strict=True):
        refuse_gaps(frame, label)
        if not frame.replicates(BASE):
            raise InputError(f"{label} has no finished run of base, so it has no effects; run the study first")


def _side(analysis: Analysis, rows: Mapping[str, Row], label: str, text: Catalogue) -> Side:
    manifest = analysis.frame.manifest
    return Side(
        label=label,
        study=manifest.name,
        question=manifest.question,
        data=str(manifest.data.get("name", "")),
        n_users=analysis.frame.n_users,
        n_replicates=len(manifest.replicates),
        answer=answer_of(analysis, tuple(rows.values()), effect_decimals(analysis), text).sentence,
        base=analysis.base_mean or 0.0,
        sesoi=analysis.sesoi or 0.0,
    )


def _contrasts(
    a: Frame,
    b: Frame,
    pairs: Sequence[Pair],
    estimates: Sequence[Mapping[str, Estimate]],
    design: Design,
    sesoi: float,
) -> dict[str, Contrast]:
    """Contrasts by row name in the first study; aliases are left out, because their arms would count twice."""
    tested = [pair for pair in pairs if not pair.alias and pair.a.value is not None and pair.b.value is not None]
    if design == "paired":
        return contrasts.paired_contrasts(a, b, {each.a.name: (each.a.name, each.b.name) for each in tested}, sesoi)
    if design == "independent":
        first = {each.a.name: estimates[0][each.a.name] for each in tested}
        second = {each.a.name: estimates[1][each.b.name] for each in tested}
        return contrasts.independent_contrasts(first, second, sesoi)
    return {}


def _pair(a: Row, b: Row, estimates: Sequence[Mapping[str, Estimate]]) -> Pair:
    """An arm of both studies, without its difference yet."""
    return Pair(
        name=a.name if a.name == b.name else f"{a.name} / {b.name}",
        remedies=a.remedies,
        titles=a.titles,
        a=_side_effect(a, estimates[0].get(a.name)),
        b=_side_effect(b, estimates[1].get(b.name)),
        difference=None,
        difference_text="",
        alias=a.alias or b.alias,
    )


def _judged(pair: Pair, difference: Contrast | None, said: Wording) -> Pair:
    if difference is not None:
        code = difference.code
    elif pair.a.value is None or pair.b.value is None:
        code = "unfinished"
    else:
        code = "alias" if pair.alias else "overlapping" if said.design == "overlapping" else "apart"
    return replace(pair, difference=difference, difference_text=said.text(f"compare.difference.{code}", **said.names))


def _side_effect(row: Row, estimate: Estimate | None) -> SideEffect:
    if estimate is None:
        return filled(SideEffect, row)
    low, high = estimate.interval()
    return filled(SideEffect, row, value=estimate.mean, low=low, high=high, n_seeds=estimate.n_seeds)


def _order(pairs: Sequence[Pair]) -> Order | None:
    both = [(pair.a.value, pair.b.value) for pair in pairs if not pair.alias]
    known = [(a, b) for a, b in both if a is not None and b is not None]
    found = contrasts.order_agreement([a for a, _ in known], [b for _, b in known])
    return None if found is None else Order(tau=found[0], p=found[1], n_arms=len(known))


def _percent_decimals(estimates: Sequence[Mapping[str, Estimate]]) -> int:
    """Decimals, 1 to 3, at which percentages show the first digit of the typical standard error."""
    errors = sorted(100.0 * each.se for found in estimates for each in found.values() if each.se > 0.0)
    return min(max(math.ceil(-math.log10(errors[len(errors) // 2])), 1), 3) if errors else 1
