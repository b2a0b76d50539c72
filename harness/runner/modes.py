"""What a study's mode asks for: what names its cells, and what shows them in Optuna."""

from __future__ import annotations

from harness.modes.greedy import GreedySchedule
from harness.modes.plan import Plan
from harness.modes.schedule import GridSchedule, Schedule
from harness.modes.search.schedule import SearchSchedule
from harness.runner.optuna.search_mirror import SearchBook
from harness.runner.optuna.storage import Storage
from harness.runner.optuna.trials import Book, TrialBook


def opened(plan: Plan, *, storage: Storage) -> tuple[Schedule, Book]:
    """The schedule and the book of a study.

    Raises:
        harness.errors.EnvironmentProblem: the storage cannot be opened.
    """
    if plan.study.search is not None:
        searched = SearchBook(plan, storage=storage)
        return SearchSchedule(plan, searched), searched
    return schedule_of(plan), TrialBook(name=plan.study.slug, storage=storage, primary=plan.study.primary)


def schedule_of(plan: Plan) -> Schedule:
    """The schedule alone, which nothing shows."""
    if plan.study.search is not None:
        return SearchSchedule(plan)
    return GreedySchedule(plan) if plan.study.mode == "greedy" else GridSchedule(plan)
