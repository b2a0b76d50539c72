"""What a row has beside its effect on the primary metric: log rank, guards, the last target, parts of the variance."""

from __future__ import annotations

import math
from typing import Any

from harness.stats.effects import Effect
from reports.locale import Catalogue, formats
from reports.sections.cells import GuardCell, LastTarget, LogRank
from reports.sections.report import ends
from reports.stats.analysis import Analysis


def beside_of(analysis: Analysis, source: str) -> dict[str, Any]:
    """Fields of a finished row of the ranking by name."""
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
    """Shares of the variance of an effect's mean that seeds and targets alone make; what is left is of both."""
    total = 0.0 if effect is None else effect.ms_tilde + max(effect.ms_user - effect.ms_err, 0.0)
    if effect is None or effect.method == "one seed" or total <= 0.0:
        return {}
    return {
        "seed_share": max(effect.ms_tilde - effect.ms_err, 0.0) / total,
        "target_share": max(effect.ms_user - effect.ms_err, 0.0) / total,
    }


def notes_beside(analysis: Analysis, source: str, code: str, text: Catalogue) -> list[str]:
    """What the ranking says of guards that fell and of the log rank where it is told from zero."""
    cells = beside_of(analysis, source)
    decided: LogRank | None = cells["log_rank"]
    notes = [
        text("beside.fell", metric=formats.metric_label(cell.metric), p=formats.p_value(cell.p_holm))
        for cell in cells["guards"]
        if cell.fell
    ]
    if decided is not None and decided.reading != "open":
        said = text(f"beside.log_rank.{decided.reading}", p=formats.p_value(decided.p_holm))
        undecided = text("beside.undecided", metric=formats.metric_label(analysis.primary))
        notes += [said, undecided] if code == "inconclusive" else [said]
    return notes


def _last(analysis: Analysis, source: str) -> LastTarget | None:
    if analysis.frame.n_targets <= 1:
        return None
    level = analysis.last_frame.level(source, analysis.primary)
    effect = analysis.last.get(source)
    return LastTarget(level=level) if effect is None else LastTarget(level=level, **ends(effect))
