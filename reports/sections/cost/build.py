"""The cost of effects as the report shows it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from reports.locale import Catalogue, formats
from reports.sections.base import SectionInput
from reports.sections.report import Row
from reports.stats.cost import Offer, pareto_front


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """The cost of effects.

    Attributes:
        front: rows on the Pareto front of effect and run time, the quickest first.
        sentence: the same in words.
        latency: time per query at inference, in words.
        rows: names of the rows for which at least one cost is known; aliases are left out.
    """

    front: tuple[str, ...]
    sentence: str
    latency: str
    rows: tuple[str, ...] = ()


def offers_of(rows: Sequence[Row]) -> list[Offer]:
    """Return base and the arms with an effect and a run time, without aliases, which have no runs of their own."""
    return [
        Offer(name=row.name, effect=row.effect, seconds=row.seconds)
        for row in rows
        if row.kind != "noise" and not row.alias and row.effect is not None and row.seconds is not None
    ]


def cost_of(given: SectionInput) -> Cost | None:
    """Return the Pareto front in words; None where there is no arm to compare with base."""
    rows, text = given.rows, given.text
    offers = offers_of(rows)
    if not any(row.kind == "arm" and row.effect is not None for row in rows):
        return None
    if len(offers) < 2:
        return Cost(front=(), sentence=text("cost.missing"), latency=_latency(rows, text), rows=_priced(rows))
    by_name = {row.name: row for row in rows}
    # A row that changes no rank has base's numbers, and its run time differs from base's only by chance.
    front = pareto_front([offer for offer in offers if not by_name[offer.name].equals])
    items = [
        text("cost.front_base", seconds=formats.seconds(offer.seconds))
        if by_name[offer.name].kind == "base"
        else text(
            "cost.front_item",
            arm=offer.name,
            seconds=formats.seconds(offer.seconds),
            effect=formats.signed(offer.effect, given.decimals),
            verdict=by_name[offer.name].verdict_text,
        )
        for offer in front
    ]
    parts = [text("cost.front", list=text("list.comma").join(items))]
    if by_name[front[-1].name].kind == "base":
        parts.append(text("cost.alone"))
    elif not any(by_name[offer.name].verdict in ("better", "one_seed", "two_seeds", "partial") for offer in front):
        parts.append(text("cost.unsure"))
    return Cost(
        front=tuple(by_name[offer.name].label for offer in front),
        sentence=text("list.sentences").join(parts),
        latency=_latency(rows, text),
        rows=_priced(rows),
    )


def _priced(rows: Sequence[Row]) -> tuple[str, ...]:
    known = [row for row in rows if {row.seconds, row.query_ms, row.serving_bytes} != {None}]
    return tuple(row.name for row in known if not row.alias)


def _latency(rows: Sequence[Row], text: Catalogue) -> str:
    base = next((row.query_ms for row in rows if row.kind == "base"), None)
    timed = [row for row in rows if row.query_ms is not None and row.kind == "arm" and not row.alias]
    if base is None or not timed:
        return ""
    slowest = max(timed, key=lambda row: row.query_ms or 0.0)
    shown = formats.milliseconds(base)
    if (slowest.query_ms or 0.0) <= base:
        return text("cost.latency_base", base=shown)
    return text("cost.latency", base=shown, arm=slowest.name, slowest=formats.milliseconds(slowest.query_ms))
