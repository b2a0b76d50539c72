"""What a study's mode asks for: what names its cells, and what shows them in Optuna."""

from __future__ import annotations

from harness.plan import Plan
from harness.runner.greedy import GreedySchedule
from harness.runner.schedule import GridSchedule, Schedule
from harness.runner.search_book import SearchBook
from harness.runner.searching import SearchSchedule
from harness.runner.storage import Storage
from harness.runner.trials import Book, TrialBook


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
