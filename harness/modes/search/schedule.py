"""The schedule of ``mode: search``: every arm is searched, base included; then the best of each run on fresh seeds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from harness.modes.plan import FIRST_FRESH_REPLICATE, Cell, Plan
from harness.modes.search.arm_search import ArmSearch
from harness.modes.search.settings import SearchSettings
from harness.modes.search.trials import TrialObserver
from harness.results.manifest import A_A, BASE, ArmRow
from harness.results.record import RunRecord

DEFAULT = "base[default]"
"""The row of base as in the study file; the row ``base`` is base as tuned by the search."""


class SearchSchedule:
    """A schedule of every arm's trials in generations; once all have ended, the best of each on fresh replicates.

    Attributes:
        arms: row -> its search, base first.
        confirmed: the plan of the confirmation; None while an arm is being searched.
    """

    def __init__(self, plan: Plan, search: SearchSettings, observer: TrialObserver | None = None) -> None:
        self._plan = plan
        self._search = search
        self.arms = {
            name: ArmSearch(name, plan, space, search, observer or TrialObserver())
            for name, space in plan.spaces.items()
        }
        self.confirmed: Plan | None = None

    @property
    def named_all(self) -> bool:
        return self.confirmed is not None

    def ready(self) -> Sequence[Cell]:
        cells = [cell for arm in self.arms.values() for cell in arm.ready()]
        if not cells and self.confirmed is None and all(arm.done for arm in self.arms.values()):
            self.confirmed = self._winners()
            return self._confirmation(self.confirmed)
        return cells

    def finished(self, cell: Cell, record: RunRecord) -> None:
        for arm in self.arms.values():
            if arm.owns(cell):
                arm.finished(cell, record)

    def failed(self, cell: Cell, why: str) -> None:
        for arm in self.arms.values():
            if arm.owns(cell):
                arm.failed(cell, why)

    def rows(self) -> Sequence[ArmRow]:
        return (self.confirmed or self._plan).rows

    def replicates(self) -> Sequence[int]:
        return self._plan.fresh()

    def course(self) -> Mapping[str, Any]:
        search = self._search
        return {
            "mode": search.name,
            "trials": search.trials,
            "width": search.width,
            "startup": search.startup,
            "prune": search.prune if search.prunes else 0.0,
            "objectives": list(search.objectives),
            "replicates": list(range(self._plan.study.replicates)),
            "default_row": DEFAULT,
            "done": all(arm.done for arm in self.arms.values()),
            "arms": [arm.described() for arm in self.arms.values()],
        }

    def _winners(self) -> Plan:
        """The plan of the confirmation: base as tuned, a/a, base as in the study file, and each arm at its best."""
        base = self.arms[BASE]
        tuned = (base.winner or base.trials[0]).recipe
        plan = replace(self._plan, rows=(), recipes={})
        for name, recipe in ((BASE, tuned), (A_A, tuned), (DEFAULT, self._plan.base)):
            plan = plan.with_row(ArmRow(name=name, arm=name), recipe)
        settings = {setting.name: setting for setting in plan.study.rows}
        for row in self._plan.rows[1:]:
            arm = self.arms.get(row.name)
            if arm is None:
                plan = plan.with_row(row)
            elif arm.winner is None:
                why = next((f"trial {each.number}, {each.reason}" for each in arm.trials if each.reason), "")
                reason = f"no setting of its search has finished on every replicate; {why}"
                plan = plan.with_row(replace(row, status="inapplicable", reason=reason))
            else:
                best = replace(settings[row.name], stack=arm.space.remedies(arm.winner.point))
                plan = plan.with_setting(best, arm.winner.recipe)
        return plan.with_aliases()

    def _confirmation(self, plan: Plan) -> list[Cell]:
        return [
            plan.cell(row.name, plan.recipes[row.name], number, plan.level(row, number - FIRST_FRESH_REPLICATE))
            for number in plan.fresh()
            for row in plan.rows
            if row.name in plan.recipes
        ]
