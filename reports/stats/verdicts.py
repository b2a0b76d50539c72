"""Verdicts from effects: Holm over the arms, simultaneous intervals, equivalence, and what would settle open arms."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from harness.results.text import ByRow
from harness.stats.distributions import t_quantile
from harness.stats.effects import Effect, Floats, standard_error
from harness.stats.looks import EQUIVALENCE, is_equivalent
from reports.stats.noise import minimum_detectable, project

Code = Literal[
    "better", "worse", "equivalent", "inconclusive", "set_aside", "one_seed", "two_seeds", "partial", "no_effect"
]

Integers = NDArray[np.int64]

ALPHA = 0.05

MOST_SEEDS = 10_000
MOST_TARGETS = 1_000

PERSISTENT = 0.08
"""Share of the between-user variance, at one target per user, that persists over other targets; measured: 1-15%."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Targets:
    """Test targets per user: how many the study has, and how many it could have.

    Attributes:
        declared: the maximum per user.
        counts: targets of each user, ``(n_users,)``.
        room: the most targets that each user's events allow, ``(n_users,)``; None (events unknown) is no limit.
    """

    declared: int = 1
    counts: Integers = field(default_factory=lambda: np.ones(1, dtype=np.int64))
    room: Integers | None = None

    def noise(self, declared: int) -> float:
        """Mean over users of 1 / (number of targets) if `declared` were allowed: the factor on target-level noise."""
        if self.room is None:
            return float((1.0 / self.counts).mean()) * self.declared / declared
        return float((1.0 / np.minimum(self.room, declared)).mean())


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """The verdict on one arm for the primary metric.

    Attributes:
        code: ``partial`` while the study is not finished; ``one_seed`` and ``two_seeds`` have no test.
        p, p_holm: plain and Holm-adjusted p-value; None without a test.
        plain: 95% interval of this arm alone.
        adjusted: interval that holds for all arms of the study at once; None with one seed.
        negligible: better or worse, but by less than the smallest effect worth having.
        seeds_needed: total seeds that would settle an inconclusive arm if its estimate and variances do not change.
        needs_targets: no number of seeds would settle it, because single targets are too noisy.
        targets_needed: targets per user to declare that would then settle it with its present seeds; None if it takes
            more than :data:`MOST_TARGETS` or no number suffices.
        few_events: enough targets would settle it, but users have too few events for them.
        detectable: smallest effect that this arm's test finds with 80% power after the correction.
    """

    code: Code
    p: float | None = None
    p_holm: float | None = None
    plain: tuple[float, float] | None = None
    adjusted: tuple[float, float] | None = None
    negligible: bool = False
    seeds_needed: int | None = None
    needs_targets: bool = False
    targets_needed: int | None = None
    few_events: bool = False
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


def judge(
    effects: Mapping[str, Effect],
    sesoi: float,
    *,
    unfinished: bool = False,
    alpha: float | None = None,
    targets: Targets | None = None,
    n_seeds: int | None = None,
) -> dict[str, Verdict]:
    """Return the verdict of every arm of the family.

    Args:
        effects: the arms in one correction: without A/A, aliases and arms that changed no rank.
        sesoi: smallest effect worth having, in units of the metric.
        unfinished: whether cells of the study are still to run; no arm has a verdict yet in that case.
        alpha: level of each arm's interval such that all hold at once
            (:func:`reports.stats.ranking.simultaneous_alpha`); Bonferroni's if None.
        targets: test targets per user behind the effects; one each if None.
        n_seeds: number of seeds for the detectable effect: the most that an arm may get; each arm's own if None.
    """
    n_intervals = sum(effect.n_seeds > 1 for effect in effects.values())
    alpha = ALPHA / max(n_intervals, 1) if alpha is None else alpha
    tested = {} if unfinished else {name: effect.p for name, effect in effects.items() if effect.p is not None}
    adjusted = dict(zip(tested, holm(np.array(list(tested.values()), dtype=np.float64)).tolist(), strict=True))
    found: dict[str, Verdict] = {}
    for name, effect in effects.items():
        if name in adjusted:
            found[name] = verdict_of(
                effect, adjusted[name], len(tested), sesoi, alpha=alpha, targets=targets, n_seeds=n_seeds
            )
        else:
            code: Code = "partial" if unfinished else "one_seed" if effect.n_seeds == 1 else "two_seeds"
            found[name] = without_verdict(effect, n_intervals, code, alpha=alpha, n_seeds=n_seeds)
    return ByRow(found)


def without_verdict(effect: Effect, n_tests: int, code: Code, *, alpha: float, n_seeds: int | None = None) -> Verdict:
    """Return the intervals, without a verdict, of one arm in a family of `n_tests`."""
    return Verdict(
        code=code,
        p=effect.p,
        plain=effect.interval(),
        adjusted=effect.interval(1.0 - alpha) if effect.n_seeds > 1 else None,
        detectable=minimum_detectable(effect, n_tests=n_tests, n_seeds=n_seeds),
    )


def verdict_of(
    effect: Effect,
    p_holm: float,
    n_tests: int,
    sesoi: float,
    *,
    alpha: float | None = None,
    targets: Targets | None = None,
    n_seeds: int | None = None,
) -> Verdict:
    """Return one arm's verdict from its Holm p-value among `n_tests` arms; the other arguments as in :func:`judge`."""
    adjusted = effect.interval(1.0 - (ALPHA / n_tests if alpha is None else alpha))
    seeds_needed, needs_targets, targets_needed, few_events = None, False, None, False
    if p_holm < ALPHA:
        code: Code = "better" if effect.mean > 0.0 else "worse"
    elif is_equivalent(effect, sesoi):
        code = "equivalent"
    else:
        code = "inconclusive"
        seeds_needed, needs_targets = seeds_to_settle(effect, n_tests, sesoi)
        if needs_targets:
            targets = targets or Targets()
            targets_needed = targets_to_settle(effect, n_tests, sesoi, targets)
            endless = replace(targets, room=None)
            few_events = targets_needed is None and targets_to_settle(effect, n_tests, sesoi, endless) is not None
    return Verdict(
        code=code,
        p=effect.p,
        p_holm=p_holm,
        plain=effect.interval(),
        adjusted=adjusted,
        negligible=p_holm < ALPHA and _inside(adjusted, sesoi),
        seeds_needed=seeds_needed,
        needs_targets=needs_targets,
        targets_needed=targets_needed,
        few_events=few_events,
        detectable=minimum_detectable(effect, n_tests=n_tests, n_seeds=n_seeds),
    )


def seeds_to_settle(effect: Effect, n_tests: int, sesoi: float) -> tuple[int | None, bool]:
    """Return the total seeds at which the arm would be better, worse or equivalent if its estimate does not change.

    Returns:
        ``(seeds, needs_targets)``. `seeds` is None if it takes more than :data:`MOST_SEEDS` or no number suffices;
        `needs_targets` is True if the variance between users alone, at their present targets, is too large.
    """
    floor = effect.user_sd / effect.n_users**0.5
    if not _settled(effect, n_tests, sesoi, floor, effect.n_users - 1.0):
        return None, True
    fewest = _fewest(
        lambda n_seeds: _settled(effect, n_tests, sesoi, *project(effect, n_seeds)), effect.n_seeds, MOST_SEEDS
    )
    return fewest, False


def targets_to_settle(
    effect: Effect, n_tests: int, sesoi: float, targets: Targets, persistent: float = PERSISTENT
) -> int | None:
    """Return the targets per user to declare so that the arm is better, worse or equivalent with its present seeds.

    The residual and the non-persistent part of the between-user variance fall as one over each user's number of
    targets; the seed variance common to all users and the persistent part do not change.

    Args:
        targets: test targets per user behind the effect.
        persistent: share of the between-user variance that persists, at one target per user.

    Returns:
        None if it takes more than :data:`MOST_TARGETS` or no number suffices.
    """
    now = targets.noise(targets.declared)
    stays = persistent / (persistent + (1.0 - persistent) * now)
    common = max(effect.ms_tilde - effect.ms_err, 0.0)

    def settled(declared: int) -> bool:
        noise = targets.noise(declared) / now
        error = effect.ms_err * noise
        tilde = common + error
        variance = effect.user_sd**2 * (stays + (1.0 - stays) * noise)
        se, df = standard_error(
            effect.n_seeds,
            effect.n_users,
            ms_tilde=tilde,
            prior_df=effect.prior_df,
            user_variance=variance,
            ms_err=error,
        )
        return _settled(effect, n_tests, sesoi, se, df)

    return _fewest(settled, targets.declared, max(MOST_TARGETS, targets.declared))


def _settled(effect: Effect, n_tests: int, sesoi: float, se: float, df: float) -> bool:
    significant = abs(effect.mean) > t_quantile(1.0 - ALPHA / (2.0 * n_tests), df) * se
    return significant or abs(effect.mean) + t_quantile(1.0 - EQUIVALENCE, df) * se < sesoi


def _fewest(settled: Callable[[int], bool], low: int, most: int) -> int | None:
    """The smallest number above `low` that settles it, by bisection; None if even `most` does not."""
    if not settled(most):
        return None
    high = most
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if settled(middle) else (middle, high)
    return high


def _inside(interval: tuple[float, float], sesoi: float) -> bool:
    return -sesoi < interval[0] and interval[1] < sesoi
