"""What effects cost, and how the seed's priorities fared, as the report says it."""

from __future__ import annotations

from collections.abc import Sequence

from reports.locale import Catalogue, formats
from reports.sections.model import Cost, Priorities, PriorityLevel
from reports.sections.report import Row
from reports.stats.analysis import Analysis
from reports.stats.cost import Offer, pareto_front


def offers_of(rows: Sequence[Row]) -> list[Offer]:
    """Base and the arms with an effect and a run time; aliases, which run nothing of their own, are left out."""
    return [
        Offer(name=row.name, effect=row.effect, seconds=row.seconds)
        for row in rows
        if row.kind != "noise" and not row.alias and row.effect is not None and row.seconds is not None
    ]


def cost_of(rows: Sequence[Row], decimals: int, text: Catalogue) -> Cost | None:
    """The Pareto front in words; None where there is no arm to set against base."""
    offers = offers_of(rows)
    if not any(row.kind == "arm" and row.effect is not None for row in rows):
        return None
    if len(offers) < 2:
        return Cost(front=(), sentence=text("cost.missing"), latency="")
    by_name = {row.name: row for row in rows}
    # A row that ranks as base does is base by another name, quicker or slower by chance.
    front = pareto_front([offer for offer in offers if by_name[offer.name].verdict != "no_effect"])
    items = [
        text("cost.front_base", seconds=formats.seconds(offer.seconds))
        if by_name[offer.name].kind == "base"
        else text(
            "cost.front_item",
            arm=offer.name,
            seconds=formats.seconds(offer.seconds),
            effect=formats.signed(offer.effect, decimals),
            verdict=by_name[offer.name].verdict_text,
        )
        for offer in front
    ]
    parts = [text("cost.front", list=text("list.comma").join(items))]
    if by_name[front[-1].name].kind == "base":
        parts.append(text("cost.alone"))
    elif not any(by_name[offer.name].verdict in ("better", "one_seed") for offer in front):
        parts.append(text("cost.unsure"))
    return Cost(
        front=tuple(offer.name for offer in front),
        sentence=text("list.sentences").join(parts),
        latency=_latency(rows, text),
    )


def _latency(rows: Sequence[Row], text: Catalogue) -> str:
    base = next((row.evaluate_ms for row in rows if row.kind == "base"), None)
    timed = [row for row in rows if row.evaluate_ms is not None and row.kind == "arm" and not row.alias]
    if base is None or not timed:
        return ""
    slowest = max(timed, key=lambda row: row.evaluate_ms or 0.0)
    shown = formats.milliseconds(base)
    if (slowest.evaluate_ms or 0.0) <= base:
        return text("cost.latency_base", base=shown)
    return text("cost.latency", base=shown, arm=slowest.name, slowest=formats.milliseconds(slowest.evaluate_ms))


def priorities_of(analysis: Analysis, rows: Sequence[Row], text: Catalogue) -> Priorities | None:
    """Kendall's tau-b in words and the remedies by priority; None where too few of them have one."""
    found = analysis.agreement
    if found is None:
        return None
    verdicts = {row.name: row.verdict for row in rows}
    levels: list[PriorityLevel] = []
    for priority in ("H", "M", "L"):
        remedies = [remedy for remedy in found.remedies if remedy.priority == priority]
        if remedies:
            codes = [{verdicts[name] for name in remedy.rows} for remedy in remedies]
            levels.append(
                PriorityLevel(
                    priority=priority,
                    n=len(remedies),
                    mean=sum(remedy.mean for remedy in remedies) / len(remedies),
                    n_better=sum("better" in each for each in codes),
                    n_worse=sum("worse" in each for each in codes),
                    first=remedies[0].id,
                )
            )
    meaning = "with" if found.low > 0.0 else "against" if found.high < 0.0 else "open"
    sentence = text(
        "priorities.sentence",
        tau=formats.signed(found.tau, 2),
        low=formats.signed(found.low, 2),
        high=formats.signed(found.high, 2),
        n=len(found.remedies),
    )
    return Priorities(
        tau=found.tau,
        low=found.low,
        high=found.high,
        sentence=text("list.sentences").join([sentence, text(f"priorities.{meaning}")]),
        levels=tuple(levels),
        remedies=tuple((remedy.id, remedy.priority, remedy.mean) for remedy in found.remedies),
    )
