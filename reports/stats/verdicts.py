"""From effects to verdicts: Holm over the arms, simultaneous intervals, equivalence, and what would settle the rest."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np

from harness.results.text import ByRow
from harness.stats.distributions import t_quantile
from harness.stats.effects import Effect, Floats
from reports.stats.noise import minimum_detectable, project

Code = Literal[
    "better", "worse", "equivalent", "inconclusive", "set_aside", "one_seed", "two_seeds", "partial", "no_effect"
]

ALPHA = 0.05
MOST_SEEDS = 10_000
FEWEST_SEEDS = 3
"""Of the arm that has most, below which no arm has a verdict."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What may be said of one arm on the primary metric.

    Attributes:
        code: ``partial`` while the study is not finished, ``two_seeds`` where none of its arms has more.
        p, p_holm: plain and Holm-adjusted p-value; None where there is no test.
        plain: 95% interval of this arm alone.
        adjusted: interval that holds for all arms of the study at once (Bonferroni); None for one seed.
        negligible: better or worse, yet by less than the smallest effect worth having.
        seeds_needed: seeds in all that would settle an inconclusive arm, were its estimate and variances to stay.
        needs_users: no number of seeds would, because users differ too much among themselves.
        detectable: smallest effect that this arm's test finds with 80% power after the correction.
    """

    code: Code
    p: float | None = None
    p_holm: float | None = None
    plain: tuple[float, float] | None = None
    adjusted: tuple[float, float] | None = None
    negligible: bool = False
    seeds_needed: int | None = None
    needs_users: bool = False
    detectable: float | None = None


NO_EFFECT = Verdict(code="no_effect")


def holm(p_values: Floats) -> Floats:
    """Holm's adjusted p-values, in the order given."""
    n_tests = p_values.size
    order = np.argsort(p_values, kind="stable")
    stepped = np.maximum.accumulate(p_values[order] * (n_tests - np.arange(n_tests)))
    adjusted = np.empty_like(p_values)
    adjusted[order] = np.minimum(stepped, 1.0)
    return adjusted


def judge(effects: Mapping[str, Effect], sesoi: float, *, unfinished: bool = False) -> dict[str, Verdict]:
    """The verdict of every arm of the family.

    Args:
        effects: the arms to be corrected for together: without A/A, aliases and arms that changed no rank.
        sesoi: smallest effect worth having, in units of the metric.
        unfinished: whether cells of the study are still to run, so that no arm has a verdict yet.
    """
    most = max((effect.n_seeds for effect in effects.values()), default=0)
    if unfinished or (1 < most < FEWEST_SEEDS):
        n_tests = sum(effect.n_seeds > 1 for effect in effects.values())
        code: Code = "partial" if unfinished else "two_seeds"
        return ByRow({name: without_verdict(effect, n_tests, code) for name, effect in effects.items()})
    tested = {name: effect.p for name, effect in effects.items() if effect.p is not None}
    adjusted = dict(zip(tested, holm(np.array(list(tested.values()), dtype=np.float64)).tolist(), strict=True))
    return ByRow({name: verdict_of(effect, adjusted.get(name), len(tested), sesoi) for name, effect in effects.items()})


def without_verdict(effect: Effect, n_tests: int, code: Code) -> Verdict:
    """The intervals of one arm of `n_tests` that is not judged."""
    if effect.p is None:
        return Verdict(code="partial" if code == "partial" else "one_seed", plain=effect.interval())
    return Verdict(
        code=code,
        p=effect.p,
        plain=effect.interval(),
        adjusted=effect.interval(1.0 - ALPHA / n_tests),
        detectable=minimum_detectable(effect, n_tests=n_tests),
    )


def verdict_of(effect: Effect, p_holm: float | None, n_tests: int, sesoi: float) -> Verdict:
    """One arm's verdict, given its Holm p-value among `n_tests` arms."""
    plain = effect.interval()
    if p_holm is None:
        return Verdict(code="one_seed", plain=plain)
    adjusted = effect.interval(1.0 - ALPHA / n_tests)
    seeds_needed, needs_users = None, False
    if p_holm < ALPHA:
        code: Code = "better" if effect.mean > 0.0 else "worse"
    elif _inside(effect.interval(1.0 - 2.0 * ALPHA), sesoi):
        code = "equivalent"
    else:
        code = "inconclusive"
        seeds_needed, needs_users = seeds_to_settle(effect, n_tests, sesoi)
    return Verdict(
        code=code,
        p=effect.p,
        p_holm=p_holm,
        plain=plain,
        adjusted=adjusted,
        negligible=p_holm < ALPHA and _inside(adjusted, sesoi),
        seeds_needed=seeds_needed,
        needs_users=needs_users,
        detectable=minimum_detectable(effect, n_tests=n_tests),
    )


def seeds_to_settle(effect: Effect, n_tests: int, sesoi: float) -> tuple[int | None, bool]:
    """Seeds in all at which the arm would be better, worse or equivalent, were its estimate to stay.

    Returns:
        ``(seeds, needs_users)``: seeds is None where more than :data:`MOST_SEEDS` or no number would do; the latter
        is the case where the users' own variance alone leaves the arm open.
    """

    def settled(se: float, df: float) -> bool:
        significant = abs(effect.mean) > t_quantile(1.0 - ALPHA / (2.0 * n_tests), df) * se
        return significant or abs(effect.mean) + t_quantile(1.0 - ALPHA, df) * se < sesoi

    floor = effect.user_sd / effect.n_users**0.5
    if not settled(floor, effect.n_users - 1.0):
        return None, True
    if not settled(*project(effect, MOST_SEEDS)):
        return None, False
    low, high = effect.n_seeds, MOST_SEEDS
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if settled(*project(effect, middle)) else (middle, high)
    return high, False


def _inside(interval: tuple[float, float], sesoi: float) -> bool:
    return -sesoi < interval[0] and interval[1] < sesoi
