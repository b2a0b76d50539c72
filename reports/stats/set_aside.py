"""Verdicts of a study in which some arms stopped early: one test of all arms at the end."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from harness.results.seeds import Seeds, Stop
from harness.results.text import ByRow
from harness.stats.effects import Effect
from reports.stats.verdicts import Verdict

Judge = Callable[[Mapping[str, Effect]], Mapping[str, Verdict]]


def judged_at_end(effects: Mapping[str, Effect], seeds: Seeds, judge: Judge) -> dict[str, Verdict]:
    """Return the verdict of every arm of the family.

    An arm that was set aside counts in the correction with p = 1: it may be equivalent, never better or worse.

    Args:
        effects: the arms in one correction, including those that were set aside.
        judge: returns the verdicts of a family.
    """
    stopped = {name for name in effects if name in seeds.set_aside and effects[name].p is not None}
    found = judge({name: replace(effect, p=1.0) if name in stopped else effect for name, effect in effects.items()})
    return ByRow(
        {
            name: _of_stopped(verdict, effects[name].p, seeds.reason(name)) if name in stopped else verdict
            for name, verdict in found.items()
        }
    )


def _of_stopped(verdict: Verdict, p: float | None, why: Stop | None) -> Verdict:
    """The verdict with the arm's own p-value and the code of its last look, without the seeds or targets it needs.

    The equivalence tests of all looks share one error rate (:mod:`benchmarks.decisions` measures it).
    """
    if verdict.p_holm is None:
        return replace(verdict, p=p)
    code = "equivalent" if why == "equivalent" else "set_aside"
    return replace(verdict, code=code, p=p, seeds_needed=None, needs_targets=False, targets_needed=None)
