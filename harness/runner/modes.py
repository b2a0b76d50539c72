"""What a study's mode asks for: the schedule that names its cells."""

from __future__ import annotations

from harness.modes.greedy import GreedySchedule
from harness.modes.plan import Plan
from harness.modes.schedule import GridSchedule, Schedule
from harness.modes.search.arm_search import Watch
from harness.modes.search.schedule import SearchSchedule


def schedule_of(plan: Plan, watch: Watch | None = None) -> Schedule:
    """The schedule of a study; of a search, ``watch`` is told of every step."""
    if plan.study.search is not None:
        return SearchSchedule(plan, watch)
    return GreedySchedule(plan) if plan.study.mode == "greedy" else GridSchedule(plan)
