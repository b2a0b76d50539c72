"""The rows of the ranking, from the analysis."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from harness.results.manifest import A_A, BASE, ArmRow
from harness.results.record import QUERY_MS, SERVING_BYTES
from harness.stats.effects import Effect
from reports.locale import Catalogue, formats
from reports.sections.cells import Gain, MetricCell, Without
from reports.sections.ranking.beside import beside_of, notes_beside, variance_of
from reports.sections.report import Kind, Row, ends, filled
from reports.stats.analysis import Analysis
from reports.stats.cost import median_cost, median_seconds, paired_seconds
from reports.stats.verdicts import MOST_SEEDS, MOST_TARGETS, NO_EFFECT, Verdict


def ranking_rows(analysis: Analysis, decimals: int, text: Catalogue) -> tuple[Row, ...]:
    """Return every row: ranked ones by their estimate, then A/A, then those without a finished run."""
    base = analysis.base_mean
    order = _order(analysis)
    rows = [_row(analysis, arm, order, decimals, text) for arm in analysis.frame.manifest.rows]

    def place(row: Row) -> tuple[int, float, bool, str]:
        ranked = row.effect is not None and row.kind != "noise"
        group = 0 if ranked else 1 if row.kind == "noise" and row.effect is not None else 2
        return group, -(row.effect or 0.0), bool(row.equals), row.name

    return tuple(sorted(rows, key=place)) if base is not None else tuple(rows)


def _order(analysis: Analysis) -> dict[str, int]:
    """Return the rank by estimate among distinct rows; one-seed arms take part only where all arms have one seed."""
    if analysis.places:
        return {name: place.rank for name, place in analysis.places.items()}
    if analysis.base_mean is None:
        return {}
    means = {name: analysis.effects[name].mean for name in sorted(analysis.verdicts)} | {BASE: 0.0}
    return {name: number for number, name in enumerate(sorted(means, key=lambda name: -means[name]), start=1)}


def _row(analysis: Analysis, arm: ArmRow, order: dict[str, int], decimals: int, text: Catalogue) -> Row:
    frame = analysis.frame
    source = frame.source(arm.name)
    kind: Kind = "base" if arm.name == BASE else "noise" if arm.name == A_A else "arm"
    finished = arm.status != "inapplicable" and bool(frame.paired(source))
    dead = source in analysis.unchanged
    effect = analysis.effects.get(source)
    verdict = NO_EFFECT if dead else analysis.verdicts.get(source)
    if dead and not analysis.progress.complete:
        verdict = Verdict(code="partial")
    code = _code(arm, kind, finished, verdict, source)
    ranked_as = BASE if dead else source
    place = analysis.places.get(ranked_as)
    zero = 0.0 if finished and (dead or source == BASE) else None
    cells = frame.records.get(source, {})
    equals = arm.alias_of if arm.status == "alias" else BASE if dead else ""
    # With one seed only the variance over users is known, so there are no components to separate.
    alone = dict.fromkeys(("user_sd", "seed_sd", "error_sd")) if effect and effect.method == "one seed" else {}
    beside = beside_of(analysis, source) if finished else {}
    placed = (
        {"p_worthwhile": place.p_worthwhile, "rank_low": place.low, "rank_high": place.high}
        if place and finished
        else {}
    )
    return filled(
        Row,
        arm,
        effect,
        verdict,
        kind=kind,
        remedies=tuple(str(remedy.get("id", "")) for remedy in arm.remedies),
        titles=tuple(str(remedy.get(f"title_{text.lang}") or remedy.get("title", "")) for remedy in arm.remedies),
        verdict=code,
        verdict_text=text("verdict.fell" if any(cell.fell for cell in beside.get("guards", ())) else f"verdict.{code}"),
        note=_note(analysis, arm, code, verdict, effect, beside, decimals, text),
        equals=equals,
        n_seeds=len(frame.paired(source)) if arm.status != "inapplicable" else 0,
        effect=zero if effect is None else effect.mean,
        relative=zero if effect is None else effect.relative,
        plain=None if effect is None else effect.interval(),
        rank=order.get(ranked_as) if finished else None,
        seed_effects={} if effect is None else dict(zip(map(str, effect.replicates), effect.seed_means, strict=True)),
        seconds=median_seconds(cells, "total"),
        seconds_ratio=_ratio(source, analysis) if finished else None,
        metrics=_metrics(analysis, source) if finished else (),
        gain=_gain(analysis, source) if finished else None,
        query_ms=median_cost(cells, QUERY_MS),
        serving_bytes=median_cost(cells, SERVING_BYTES),
        without_valid_targets=_without(analysis, source) if finished else None,
        **alone,
        **placed,
        **beside,
        **variance_of(effect),
    )


def _code(arm: ArmRow, kind: Kind, finished: bool, verdict: Verdict | None, source: str) -> str:
    if arm.status == "inapplicable":
        return "inapplicable"
    if not finished:
        return "unfinished"
    if kind == "noise":
        return "noise"
    if verdict is not None:
        return verdict.code
    if source == A_A:
        return "noise"
    return "base" if arm.name == BASE else "alias"


def _note(
    analysis: Analysis,
    arm: ArmRow,
    code: str,
    verdict: Verdict | None,
    effect: Effect | None,
    beside: Mapping[str, Any],
    decimals: int,
    text: Catalogue,
) -> str:
    notes: list[str] = []
    if arm.status == "alias":
        notes.append(text("verdict.note.alias", row=arm.alias_of))
    if code == "inapplicable":
        notes.append(arm.reason)
    elif arm.name == A_A and effect is not None:
        failed = effect.p is not None and effect.p < 0.05
        notes.append(text("verdict.note.noise_failed" if failed else "verdict.note.noise"))
    elif code in ("one_seed", "no_effect") and arm.status != "alias":
        notes.append(text(f"verdict.note.{code}"))
    elif verdict is not None and verdict.negligible:
        notes.append(text("verdict.note.negligible"))
    elif code == "inconclusive" and verdict is not None:
        if verdict.few_events:
            notes.append(text("verdict.note.targets_few"))
        elif verdict.needs_targets and verdict.targets_needed is None:
            notes.append(text("verdict.note.targets_many", n=MOST_TARGETS))
        elif verdict.needs_targets:
            notes.append(text("verdict.note.targets", n=verdict.targets_needed))
        elif verdict.seeds_needed is None:
            notes.append(text("verdict.note.many", n=MOST_SEEDS))
        else:
            notes.append(text("verdict.note.seeds", n=verdict.seeds_needed))
    if code in ("better", "worse") and verdict is not None and effect is not None and _wider(verdict):
        notes.append(text("verdict.note.holm", p=formats.p_value(verdict.p_holm)))
    if effect is not None and effect.method == "two seeds":
        notes.append(text("verdict.note.two_seeds"))
    if arm.fitted_on_validation:
        notes.append(text("verdict.note.fitted"))
    source = analysis.frame.source(arm.name)
    notes += notes_beside(beside, analysis.primary, code, text)
    seeds, all_seeds = analysis.frame.seeds, len(analysis.frame.manifest.replicates)
    stopped, why = seeds.set_aside.get(source), seeds.reason(source)
    if stopped is not None and why != "no_effect" and code in ("set_aside", "equivalent", "partial", "unfinished"):
        notes.append(text(f"verdict.note.stopped_{why}", n=stopped, all=seeds.most))
    if effect is not None and effect.n_seeds < (planned := all_seeds if stopped is None else stopped):
        notes.append(text("verdict.note.fewer", n=effect.n_seeds, all=planned))
    without = analysis.without_valid.get(source)
    if without is not None and effect is not None and arm.status != "inapplicable":
        low, high = formats.interval(without.interval(), decimals)
        means = {"without": formats.signed(without.mean, decimals), "with_them": formats.signed(effect.mean, decimals)}
        same = without.se == 0.0 and without.mean == 0.0
        notes.append(text(f"verdict.note.valid_targets{'_equal' if same else ''}", low=low, high=high, **means))
    return text("list.notes").join(note for note in notes if note)


def _wider(verdict: Verdict) -> bool:
    """Return whether the simultaneous interval includes zero; callers ask this only where Holm's test rejects zero."""
    return verdict.adjusted is not None and verdict.adjusted[0] <= 0.0 <= verdict.adjusted[1]


def _ratio(source: str, analysis: Analysis) -> float | None:
    """Return the ratio of a run's median wall time to base's, both over their shared replicates."""
    own, base = paired_seconds(analysis.frame, source)
    return own / base if own is not None and base else None


def _metrics(analysis: Analysis, source: str) -> tuple[MetricCell, ...]:
    frame, effects = analysis.frame, {**analysis.secondary, analysis.primary: analysis.effects}
    return tuple(
        MetricCell(
            metric=metric,
            on=frame.level(source, metric),
            off=frame.level(source, metric, "off") if ("test", "off") in frame.views else None,
            effect=effect.mean if (effect := effects.get(metric, {}).get(source)) else None,
            relative=effect.relative if effect else None,
            q=analysis.q.get((metric, source)),
        )
        for metric in frame.metrics
    )


def _gain(analysis: Analysis, source: str) -> Gain | None:
    effect = analysis.gains.get(source)
    return effect and Gain(**ends(effect), q=analysis.gain_q.get(source))


def _without(analysis: Analysis, source: str) -> Without | None:
    effect = analysis.without_valid.get(source)
    return effect and Without(**ends(effect), relative=effect.relative, p=effect.p)
