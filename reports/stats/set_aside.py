"""Verdicts of a study in which some arms stopped before the others: one test at the end, of all of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from harness.results.seeds import Seeds
from harness.results.text import ByRow
from harness.stats.effects import Effect
from reports.stats.verdicts import ALPHA, Verdict

EQUIVALENCE = ALPHA
"""Error of the test of equivalence of an arm that was not set aside."""

Judge = Callable[[Mapping[str, Effect]], Mapping[str, Verdict]]


def judged_at_end(effects: Mapping[str, Effect], seeds: Seeds, sesoi: float, judge: Judge) -> dict[str, Verdict]:
    """The verdict of every arm of the family.

    An arm that was set aside counts in the correction with p = 1: it may be equivalent, never better or worse.

    Args:
        effects: the arms to be corrected for together, those that were set aside included.
        sesoi: smallest effect worth having, in units of the metric.
        judge: gives the verdicts of a family.
    """
    stopped = {name for name in effects if name in seeds.set_aside and effects[name].p is not None}
    found = judge({name: replace(effect, p=1.0) if name in stopped else effect for name, effect in effects.items()})
    return ByRow(
        {
            name: _of_stopped(verdict, effects[name], seeds, sesoi) if name in stopped else verdict
            for name, verdict in found.items()
        }
    )


def _of_stopped(verdict: Verdict, effect: Effect, seeds: Seeds, sesoi: float) -> Verdict:
    """An arm's own p-value, and how it may be called; nothing more would settle it.

    Its test of equivalence shares its error among the looks at any of which it could have stopped
    (:mod:`benchmarks.decisions` has the error).
    """
    if verdict.p_holm is None:
        return replace(verdict, p=effect.p)
    low, high = effect.interval(1.0 - 2.0 * EQUIVALENCE / max(seeds.n_looks, 1))
    code = "equivalent" if -sesoi < low and high < sesoi else "set_aside"
    return replace(verdict, code=code, p=effect.p, seeds_needed=None)
