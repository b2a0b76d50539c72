"""Readings next to the primary metric: log rank over the whole list, guard metrics, and each user's last target."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from harness.results.deltas import Deltas
from harness.results.frame import Frame
from harness.results.manifest import BASE
from harness.results.metrics.base import targets_mean
from harness.results.text import ByRow
from harness.stats.effects import Effect, Floats, study_effects
from reports.stats.verdicts import ALPHA, Verdict, holm

JUDGED = ("better", "worse", "equivalent", "inconclusive")
"""Verdicts whose arms have their log rank tested; an arm that stopped early counts in the family but is not tested."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Beside:
    """A secondary effect with its p-value, adjusted in a separate family.

    Attributes:
        p_holm: Holm-adjusted over that family; None if the arm is not tested.
    """

    effect: Effect
    p_holm: float | None = None

    @property
    def found(self) -> bool:
        """Whether the effect differs from zero at 5% after the correction."""
        return self.p_holm is not None and self.p_holm < ALPHA

    @property
    def fell(self) -> bool:
        """Whether the effect is below zero at 5% after the correction."""
        return self.found and self.effect.mean < 0.0


def log_rank_deltas(frame: Frame, rows: Sequence[str]) -> dict[str, Deltas]:
    """Paired differences in the natural log of the target's rank, on the test set as served; below 0 is better.

    A user's value is the mean over the user's targets.
    """

    def values(name: str, paired: tuple[int, ...]) -> Floats:
        ranks = frame.ranks(name, "test", "served", paired)
        logs = np.log(np.maximum(ranks, 1))
        return targets_mean(logs, ranks) if ranks.ndim > 2 else logs

    return ByRow(
        {
            name: Deltas.of(name, paired, values(name, paired), values(BASE, paired))
            for name in rows
            if (paired := frame.paired(name))
        }
    )


def log_ranks(frame: Frame, rows: Sequence[str], verdicts: Mapping[str, Verdict]) -> dict[str, Beside]:
    """Return the log rank of every arm that has a verdict, with Holm over the arms as a separate family.

    Gate: the log rank is tested only after the primary metric, so a study without verdicts has none.

    Args:
        rows: rows that changed a rank, A/A included; seed variances are moderated across them.

    Returns:
        Arm -> reading; empty if ranks are not exact.
    """
    family = {name: found for name, found in verdicts.items() if found.p_holm is not None}
    if frame.longest is not None or not family:
        return {}
    effects = study_effects(log_rank_deltas(frame, rows))
    tested = [name for name, found in family.items() if found.code in JUDGED]
    p_values = [1.0 if (p := effects[name].p) is None or name not in tested else p for name in family]
    adjusted = dict(zip(family, holm(np.array(p_values)).tolist(), strict=True))
    return ByRow({name: Beside(effect=effects[name], p_holm=adjusted[name]) for name in tested})


def guards(
    frame: Frame,
    rows: Sequence[str],
    verdicts: Mapping[str, Verdict],
    known: Mapping[str, Mapping[str, Effect]],
) -> dict[str, dict[str, Beside]]:
    """Return the effects on the guard metrics (metrics that must not fall): metric -> arm -> effect.

    Every pair of a guard and an arm that is better on the primary metric is tested, two-sided, Holm over these pairs.

    Args:
        rows: rows that changed a rank, A/A included.
        known: effects already computed, by metric.
    """
    primary = frame.manifest.primary
    named = [metric for metric in dict.fromkeys(frame.manifest.guard) if metric != primary and frame.decides(metric)]
    arms = list(verdicts)
    if not rows:
        return {}
    found = {metric: known.get(metric) or study_effects(frame.deltas(metric, rows=rows)) for metric in named}
    pairs = {
        (metric, name): effect.p
        for metric, effects in found.items()
        for name, effect in effects.items()
        if name in arms and verdicts[name].code == "better" and effect.p is not None
    }
    adjusted = dict(zip(pairs, holm(np.array(list(pairs.values()), dtype=np.float64)).tolist(), strict=True))
    return {
        metric: ByRow({name: Beside(effect=effects[name], p_holm=adjusted.get((metric, name))) for name in arms})
        for metric, effects in found.items()
    }


def last_targets(frame: Frame, last: Frame, rows: Sequence[str]) -> dict[str, Effect]:
    """Return the effects on the primary metric over each user's last target only; empty if users have one target."""
    if frame.n_targets <= 1 or not rows:
        return {}
    return study_effects(last.deltas(frame.manifest.primary, rows=rows))
