"""Readings beside the primary metric: the log rank over the whole list, guards, and each user's last target alone."""

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
"""Verdicts after which an arm's log rank may be tested; an arm that stopped early counts in the family, untested."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Beside:
    """A secondary effect with its place in a family of its own.

    Attributes:
        p_holm: Holm-adjusted over that family; None where the arm is not tested.
    """

    effect: Effect
    p_holm: float | None = None

    @property
    def found(self) -> bool:
        """Whether the effect differs from zero at 5% after the correction."""
        return self.p_holm is not None and self.p_holm < ALPHA

    @property
    def fell(self) -> bool:
        """Whether it is lower than base's beyond doubt."""
        return self.found and self.effect.mean < 0.0


def log_rank_deltas(frame: Frame, rows: Sequence[str]) -> dict[str, Deltas]:
    """Paired differences in the natural logarithm of the target's rank on test as served; below 0 is better.

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
    """The log rank of every arm that has a verdict, Holm over the arms at a level of its own.

    The gate: nothing is tested before the primary metric has been, so a study without verdicts has no such line.

    Args:
        rows: those that changed a rank, A/A included, across which seed variances are moderated.

    Returns:
        Arm -> reading; empty where ranks are not exact.
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
    """Effects on the metrics that must not fall: metric -> arm -> effect.

    Tested is every pair of a guard and an arm that is better on the primary metric, two-sided, Holm over these pairs.

    Args:
        rows: those that changed a rank, A/A included.
        known: effects by metric that are at hand.
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
    """Effects on the primary metric of each user's last target alone; empty where a user has one target."""
    if frame.n_targets <= 1 or not rows:
        return {}
    return study_effects(last.deltas(frame.manifest.primary, rows=rows))
