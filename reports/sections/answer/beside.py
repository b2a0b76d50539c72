"""Sentences of the answer besides the primary metric: each user's last target alone, and guards."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from harness.results.manifest import BASE
from reports.locale import Catalogue, formats
from reports.sections.report import Row
from reports.stats.analysis import Analysis


def beside_sentences(
    shown: Row | None, arms: Sequence[Row], analysis: Analysis, decimals: int, text: Catalogue
) -> Iterator[str]:
    """Yield sentences on the last target and on guards for the answer's support.

    Args:
        shown: the row that the answer is about.
        arms: rows with a verdict.
    """
    primary = formats.metric_label(analysis.primary)
    last = shown and shown.last_target
    if last is not None and shown is not None and last.effect is None:
        yield text("answer.support_last_base", metric=primary, base=formats.number(last.level))
    elif last is not None and shown is not None:
        low, high = formats.interval((last.low, last.high) if last.low is not None and last.high is not None else None)
        base = formats.number(analysis.last_frame.level(BASE, analysis.primary))
        level, effect = formats.number(last.level), formats.signed(last.effect, decimals)
        values = {"arm": shown.name, "level": level, "effect": effect, "low": low, "high": high}
        yield text("answer.support_last_target", metric=primary, base=base, **values)
    if shown is not None and shown.verdict == "better" and shown.guards and not shown.fell:
        yield text("answer.support_guards_hold", list=_listed(shown, decimals, text))
    others = [row for row in arms if row.fell and row is not shown]
    for row in ([shown] if shown is not None and shown.fell else []) + others:
        yield text("answer.support_guard_fell", arm=row.name, metric=primary, list=_listed(row, decimals, text))


def _listed(row: Row, decimals: int, text: Catalogue) -> str:
    """Return the guards of a row with their effects; only those that fell, where any did."""
    items: list[str] = []
    for cell in row.guards:
        if cell.fell or not row.fell:
            low, high = formats.interval((cell.low, cell.high), decimals)
            effect, metric = formats.signed(cell.effect, decimals), formats.metric_label(cell.metric)
            items.append(text("answer.guard_item", metric=metric, effect=effect, low=low, high=high))
    return text("list.comma").join(items)
