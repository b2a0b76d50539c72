"""Which arms get another seed: the rule of a study with ``replicates: {start, most}``."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from harness.results.deltas import Deltas
from harness.results.seeds import Stop
from harness.stats.distributions import Floats, normal_cdf, t_quantile
from harness.stats.effects import Effect

ALPHA = 0.05

EQUIVALENCE = 0.04
"""Of each of the two one-sided tests, so that even the noisiest arm is called equivalent by mistake in 5% at most."""

LEAST_CHANCE = 0.15
"""Chance to be decided at the last seed, judged by the estimate and its error, below which an arm gets no more."""

FEWEST_SEEDS = 3
"""Seeds below which the variance between seeds says too little for an arm to be stopped by it."""


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


def is_equivalent(effect: Effect, sesoi: float, n_looks: int | None = None) -> bool:
    """Whether two one-sided tests say that the arm differs from base by less than the smallest effect worth having.

    Args:
        effect: of the arm.
        sesoi: smallest effect worth having, in units of the metric.
        n_looks: of an arm that stops at one of so many looks, which share the error; None at the end.
    """
    low, high = effect.interval(1.0 - 2.0 * EQUIVALENCE / (n_looks or 1))
    return -sesoi < low and high < sesoi


def chance_of_equivalence(effect: Effect, sesoi: float, *, most: int) -> float:
    """Chance, by the estimate and its error now, that the arm is called equivalent at the last seed.

    ``Phi((w - m) / sqrt(V_s - V_max)) - Phi((-w - m) / sqrt(V_s - V_max))`` with ``w = sesoi - z sqrt(V_max)``, z the
    normal quantile of the two one-sided tests; V_s and V_max as in :func:`chance_to_decide`.
    """
    last = max(variance_at(effect, most), 0.0)
    left, width = effect.se**2 - last, sesoi + t_quantile(EQUIVALENCE, math.inf) * math.sqrt(last)
    if width <= 0.0:
        return 0.0
    if left <= 0.0:
        return float(abs(effect.mean) < width)
    high, low = normal_cdf((np.array([width, -width]) - effect.mean) / math.sqrt(left)).tolist()
    return high - low


def stops(effects: Mapping[str, Effect], *, most: int, sesoi: float, n_looks: int) -> dict[str, Stop]:
    """The arms that get no more seeds, in the order given, and why: ``equivalent`` or ``futile``.

    An arm goes on where it may still be told from base, or may still be called equivalent and is not yet.

    An arm of fewer than :data:`FEWEST_SEEDS` seeds, some of whose runs have failed, is not judged and goes on.

    Args:
        effects: of every arm that is tested at the end, those that were stopped before included; A/A is none.
        most: seeds at the end.
        sesoi: smallest effect worth having, in units of the metric.
        n_looks: how often arms are looked at.
    """
    critical = t_quantile(1.0 - ALPHA / 2.0 / max(len(effects), 1), math.inf)

    def stop(effect: Effect) -> Stop | None:
        if effect.n_seeds < FEWEST_SEEDS or chance_to_decide(effect, critical=critical, most=most) >= LEAST_CHANCE:
            return None
        if is_equivalent(effect, sesoi, n_looks):
            return "equivalent"
        return None if chance_of_equivalence(effect, sesoi, most=most) >= LEAST_CHANCE else "futile"

    found: dict[str, Stop] = {}
    for row, effect in effects.items():
        if (why := stop(effect)) is not None:
            found[row] = why
    return found
