"""Which arms get another seed: the rule of a study with ``replicates: {start, most}``, by stops for futility alone."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from harness.results.frame import Deltas
from harness.results.metrics import metric_values
from harness.results.record import Ranks
from harness.stats.distributions import Floats, normal_cdf, t_quantile
from harness.stats.effects import Effect

ALPHA = 0.05

LEAST_CHANCE = 0.15
"""Chance to be decided at the last seed, judged by the estimate and its error, below which an arm gets no more."""

FEWEST_SEEDS = 3
"""Seeds below which the variance between seeds says too little for an arm to be stopped by it."""


def of_run(ranks: Ranks, metric: str) -> Floats:
    """A metric by user, ``(n_users,)``, from the ranks of one run: what ``Frame.values`` has of each."""
    return metric_values(ranks[None], metric)[0]


def paired(values: Mapping[str, Mapping[int, Floats]], base: Mapping[int, Floats]) -> dict[str, Deltas]:
    """Differences to base of every row that shares a replicate with it.

    Args:
        values: row -> replicate -> the metric by user, ``(n_users,)``; a failed run is left out.
        base: the same of base.
    """
    found: dict[str, Deltas] = {}
    for row, cells in values.items():
        both = tuple(sorted(cells.keys() & base.keys()))
        if both:
            found[row] = Deltas.of(row, both, np.stack([cells[n] for n in both]), np.stack([base[n] for n in both]))
    return found


def variance_at(effect: Effect, n_seeds: int) -> float:
    """Variance of the arm's estimate at so many seeds, were its components to stay: that of its standard error now."""
    return effect.se**2 - effect.ms_tilde / effect.n_users * (1.0 / effect.n_seeds - 1.0 / n_seeds)


def chance_to_decide(effect: Effect, *, critical: float, most: int) -> float:
    """Chance, by the estimate and its error now, that the arm differs from base at the last seed, after the correction.

    ``Phi((m - c sqrt(V_max)) / sqrt(V_s - V_max)) + Phi((-m - c sqrt(V_max)) / sqrt(V_s - V_max))``: V_s the variance
    now, V_max that at the last seed.

    Args:
        critical: c, how many standard errors an estimate must have to be told from 0 after the correction.
        most: seeds at the end.
    """
    last = max(variance_at(effect, most), 0.0)
    left = effect.se**2 - last
    need, size = critical * math.sqrt(last), abs(effect.mean)
    if left <= 0.0:  # another seed changes nothing: it is decided, or never will be
        return float(size > need)
    return float(normal_cdf(np.array([size - need, -size - need]) / math.sqrt(left)).sum())


def going_on(effects: Mapping[str, Effect], *, most: int) -> tuple[str, ...]:
    """The arms that get another seed, in the order given: those that it may still decide.

    An arm of fewer than :data:`FEWEST_SEEDS` seeds, some of whose runs have failed, is not judged and goes on.

    Args:
        effects: of every arm that is tested at the end, those that were stopped before included; A/A is none.
        most: seeds at the end.
    """
    critical = t_quantile(1.0 - ALPHA / 2.0 / max(len(effects), 1), math.inf)
    return tuple(
        row
        for row, effect in effects.items()
        if effect.n_seeds < FEWEST_SEEDS or chance_to_decide(effect, critical=critical, most=most) >= LEAST_CHANCE
    )
