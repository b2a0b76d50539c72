"""The schedule of ``mode: search``: every arm searches, base included; then the best of each are run on fresh seeds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from harness.modes.plan import FIRST_FRESH_REPLICATE, Cell, Plan, PlannedRow
from harness.modes.search.arm_search import ArmSearch, Tried, Unwatched, Watch
from harness.modes.search.course import course_of
from harness.results.manifest import A_A, BASE, ArmRow
from harness.results.record import RunRecord
from harness.study.search import Search

DEFAULT = "base[default]"
"""The row of base as it stands in the study file, beside base as the search has set it."""


class SearchSchedule:
    """Trials of every arm in generations; once all are told, the best setting of each on fresh replicates."""

    def __init__(self, plan: Plan, watch: Watch | None = None) -> None:
        assert plan.study.search is not None
        self._plan = plan
        self._search: Search = plan.study.search
        self._settings = {setting.name: setting for setting in plan.study.settings()}
        self._planned = {planned.row.name: planned for planned in plan.rows}
        self.arms: dict[str, ArmSearch] = {
            name: ArmSearch(name, plan, planned.space, self._search, watch or Unwatched())
            for name, planned in self._planned.items()
            if planned.space is not None
        }
        self._confirmed: tuple[PlannedRow, ...] | None = None

    @property
    def confirming(self) -> bool:
        """Whether every arm has searched, so that all cells have been named."""
        return self._confirmed is not None

    def ready(self) -> Sequence[Cell]:
        cells = [cell for arm in self.arms.values() for cell in arm.ready()]
        if not cells and self._confirmed is None and all(arm.done for arm in self.arms.values()):
            self._confirmed = self._winners()
            return self._confirmation(self._confirmed)
        return cells

    def finished(self, cell: Cell, record: RunRecord) -> None:
        for arm in self.arms.values():
            if arm.owns(cell):
                arm.finished(cell, record)

    def failed(self, cell: Cell, why: str) -> None:
        for arm in self.arms.values():
            if arm.owns(cell):
                arm.failed(cell, why)

    def rows(self) -> Sequence[PlannedRow]:
        return self._plan.rows if self._confirmed is None else self._confirmed

    def replicates(self) -> Sequence[int]:
        return range(FIRST_FRESH_REPLICATE, FIRST_FRESH_REPLICATE + self._search.confirm)

    def course(self) -> Mapping[str, Any]:
        return course_of(self._plan, self._search, self.arms, default_row=DEFAULT)

    def _winners(self) -> tuple[PlannedRow, ...]:
        """Base as tuned, base against itself, base as it was, and each arm at its best setting."""
        base = self.arms[BASE]
        rows = [
            PlannedRow(row=ArmRow(name=BASE, arm=BASE), recipe=(base.winner or base.trials[0]).recipe),
            PlannedRow(row=ArmRow(name=A_A, arm=A_A), recipe=(base.winner or base.trials[0]).recipe),
            PlannedRow(row=ArmRow(name=DEFAULT, arm=DEFAULT), recipe=self._plan.base),
        ]
        for name, planned in self._planned.items():
            if name != BASE:
                arm = self.arms.get(name)
                rows.append(planned if arm is None else self._best_of(arm, planned))
        return _with_aliases(rows)

    def _best_of(self, arm: ArmSearch, planned: PlannedRow) -> PlannedRow:
        best = arm.winner
        if best is None:
            reason = f"no setting of its search has finished on every replicate; {_why(arm.trials)}"
            return PlannedRow(row=replace(planned.row, status="inapplicable", reason=reason), recipe=None)
        setting = replace(self._settings[arm.name], stack=arm.space.remedies(best.point))
        return self._plan.row_of(setting, best.recipe)

    def _confirmation(self, rows: Sequence[PlannedRow]) -> list[Cell]:
        return [
            self._plan.cell(
                planned.row.name,
                planned.recipe,
                replicate,
                self._plan.level(planned.row, replicate - FIRST_FRESH_REPLICATE),
            )
            for replicate in self.replicates()
            for planned in rows
            if planned.recipe is not None
        ]


def _with_aliases(rows: Sequence[PlannedRow]) -> tuple[PlannedRow, ...]:
    """Rows of one recipe run once; base against itself has other random numbers and is no alias."""
    first: dict[str, str] = {}
    found: list[PlannedRow] = []
    for planned in rows:
        name, recipe = planned.row.name, planned.recipe
        same = name if recipe is None or name == A_A else first.setdefault(recipe.digest(), name)
        if same != name:
            found.append(PlannedRow(row=replace(planned.row, status="alias", alias_of=same), recipe=None))
        else:
            found.append(planned)
    return tuple(found)


def _why(trials: Sequence[Tried]) -> str:
    return next((f"trial {each.number}, {each.reason}" for each in trials if each.reason), "")
