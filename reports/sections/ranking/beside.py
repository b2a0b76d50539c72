"""Further values of a row besides its effect on the primary metric: log rank, guards, last target, variance shares."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from harness.stats.effects import Effect
from reports.locale import Catalogue, formats
from reports.sections.cells import GuardCell, LastTarget, LogRank
from reports.sections.report import ends
from reports.stats.analysis import Analysis


def beside_of(analysis: Analysis, source: str) -> dict[str, Any]:
    """Return log rank, guards and last target of a finished row by the names of the row's fields."""
    read = analysis.log_rank.get(source)
    cells = tuple(
        GuardCell(metric=metric, **ends(found.effect), p_holm=found.p_holm, fell=found.fell)
        for metric, arms in analysis.guards.items()
        if (found := arms.get(source)) is not None
    )
    reading = "open" if read is None or not read.found else "improve" if read.effect.mean < 0.0 else "worsen"
    return {
        "log_rank": read
        and LogRank(
            **ends(read.effect),
            change=math.expm1(read.effect.mean),
            p=read.effect.p,
            p_holm=read.p_holm,
            reading=reading,
        ),
        "guards": cells,
        "last_target": _last(analysis, source),
    }


def variance_of(effect: Effect | None) -> dict[str, float]:
    """Return the shares of the variance of an effect's mean due to seeds alone and targets alone; the rest is both."""
    total = 0.0 if effect is None else effect.ms_tilde + max(effect.ms_user - effect.ms_err, 0.0)
    if effect is None or effect.method == "one seed" or total <= 0.0:
        return {}
    return {
        "seed_share": max(effect.ms_tilde - effect.ms_err, 0.0) / total,
        "target_share": max(effect.ms_user - effect.ms_err, 0.0) / total,
    }


def notes_beside(beside: Mapping[str, Any], primary: str, code: str, text: Catalogue) -> list[str]:
    """Return the ranking's notes on guards that fell, and on the log rank where it differs from zero.

    Args:
        beside: as from :func:`beside_of`; empty for an unfinished row.
        primary: the primary metric.
        code: of the row's verdict.
        text: the language of the notes.
    """
    decided: LogRank | None = beside.get("log_rank")
    notes = [
        text("beside.fell", metric=formats.metric_label(cell.metric), p=formats.p_value(cell.p_holm))
        for cell in beside.get("guards", ())
        if cell.fell
    ]
    if decided is not None and decided.reading != "open":
        said = text(f"beside.log_rank.{decided.reading}", p=formats.p_value(decided.p_holm))
        undecided = text("beside.undecided", metric=formats.metric_label(primary))
        notes += [said, undecided] if code == "inconclusive" else [said]
    return notes


def _last(analysis: Analysis, source: str) -> LastTarget | None:
    if analysis.frame.n_targets <= 1:
        return None
    level = analysis.last_frame.level(source, analysis.primary)
    effect = analysis.last.get(source)
    return LastTarget(level=level) if effect is None else LastTarget(level=level, **ends(effect))
