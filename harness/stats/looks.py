"""Decides which arms get another seed in a study with ``replicates: {start, most}``."""

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
"""Level of each of the two one-sided tests; even for the noisiest arm, false equivalence is at most 5%."""

LEAST_CHANCE = 0.15
"""Minimum probability of a decision at the last seed; below it, an arm gets no more seeds."""

FEWEST_SEEDS = 3
"""Minimum seeds before an arm can be stopped; with fewer, the variance between seeds is too uncertain."""


def paired(values: Mapping[str, Mapping[int, Floats]], base: Mapping[int, Floats]) -> dict[str, Deltas]:
    """Return the differences to base for each row that shares a replicate with base.

    Args:
        values: row -> replicate -> the metric per user, ``(n_users,)``; failed runs are left out.
        base: replicate -> the metric per user, of base.
    """
    found: dict[str, Deltas] = {}
    for row, cells in values.items():
        both = tuple(sorted(cells.keys() & base.keys()))
        if both:
            found[row] = Deltas.of(row, both, np.stack([cells[n] for n in both]), np.stack([base[n] for n in both]))
    return found


def variance_at(effect: Effect, n_seeds: int) -> float:
    """Return the variance of the arm's estimate at ``n_seeds`` seeds if the variance components stay as they are."""
    return effect.se**2 - effect.ms_tilde / effect.n_users * (1.0 / effect.n_seeds - 1.0 / n_seeds)


def chance_to_decide(effect: Effect, *, critical: float, most: int) -> float:
    """Return the current probability that the arm differs from base at the last seed, after the correction.

    ``Phi((m - c sqrt(V_max)) / sqrt(V_s - V_max)) + Phi((-m - c sqrt(V_max)) / sqrt(V_s - V_max))``, where V_s is the
    current variance and V_max that at the last seed.

    Args:
        effect: the arm's current estimate.
        critical: c, the number of standard errors at which an estimate is significant after the correction.
        most: number of seeds at the end.
    """
    last = max(variance_at(effect, most), 0.0)
    left = effect.se**2 - last
    need, size = critical * math.sqrt(last), abs(effect.mean)
    if left <= 0.0:  # another seed changes nothing: the result is final
        return float(size > need)
    return float(normal_cdf(np.array([size - need, -size - need]) / math.sqrt(left)).sum())


def is_equivalent(effect: Effect, sesoi: float, n_looks: int | None = None) -> bool:
    """Return whether two one-sided tests show that the arm's effect is below the smallest effect of interest.

    Args:
        effect: the arm's estimate.
        sesoi: smallest effect of interest, in units of the metric.
        n_looks: number of looks that share the error, if the arm may stop at any of them; None at the end.
    """
    low, high = effect.interval(1.0 - 2.0 * EQUIVALENCE / (n_looks or 1))
    return -sesoi < low and high < sesoi


def chance_of_equivalence(effect: Effect, sesoi: float, *, most: int) -> float:
    """Return the current probability that the arm is declared equivalent at the last seed.

    ``Phi((w - m) / sqrt(V_s - V_max)) - Phi((-w - m) / sqrt(V_s - V_max))`` with ``w = sesoi - z sqrt(V_max)``, where
    z is the normal quantile of the two one-sided tests; V_s and V_max are as in :func:`chance_to_decide`.
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
    """Return the arms that get no more seeds, in the order given, with the reason: ``equivalent`` or ``futile``.

    An arm continues if it may still differ significantly from base, or may still become equivalent and is not yet.

    An arm with fewer than :data:`FEWEST_SEEDS` seeds (because runs failed) is not judged and continues.

    Args:
        effects: estimates of all arms that are tested at the end, including those already stopped, without A/A.
        most: number of seeds at the end.
        sesoi: smallest effect of interest, in units of the metric.
        n_looks: number of looks.
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
