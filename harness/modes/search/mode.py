"""Mode search: the best setting of each arm, base included, found on the validation set and run on fresh replicates."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from harness.modes.plan import Plan
from harness.modes.planning import base_alone, refuse, with_settings
from harness.modes.schedule import Schedule
from harness.modes.search.settings import SearchSettings
from harness.modes.search.space import Space, SpaceError, space_of
from harness.results.manifest import BASE
from harness.study.types import Study

if TYPE_CHECKING:
    from harness.modes.search.trials import TrialObserver

ROWS_OF_BASE = 3
"""Rows of base in the confirmation: base as tuned, base against itself, and base as in the study file."""


class Search(SearchSettings):
    """How the setting of each arm is looked for, base included."""

    def plan(self, study: Study) -> Plan:
        plan, problems = with_settings(base_alone(study))
        spaces = {BASE: space_of(plan.base, protocol=study.protocol)}
        for setting in study.rows:
            if setting.name in plan.recipes:
                try:
                    spaces[setting.name] = space_of(plan.base, setting.stack, setting.openings, protocol=study.protocol)
                except SpaceError as problem:
                    problems.append(study.problem(f"arms.{setting.arm}", "space", str(problem)))
        refuse(problems)
        trial_runs = len(spaces) * self.trials * study.replicates
        confirming_rows = len(spaces) - 1 + ROWS_OF_BASE
        return replace(
            plan,
            spaces=spaces,
            tuned_backbones={row: n for row, space in spaces.items() if (n := space.n_backbones(self.trials)) > 1},
            notes=plan.notes + self._notes(study, spaces, trial_runs, confirming_rows),
            most_cells=trial_runs + confirming_rows * self.confirm,
            n_fresh=self.confirm,
        )

    def schedule(self, plan: Plan, observer: TrialObserver | None = None) -> Schedule:
        from harness.modes.search.schedule import SearchSchedule  # Optuna takes a while to load

        return SearchSchedule(plan, self, observer)

    def _notes(
        self, study: Study, spaces: Mapping[str, Space], trial_runs: int, confirming_rows: int
    ) -> tuple[str, ...]:
        """Lines for ``ftr-study plan``: the largest number of runs, and what each arm's search sets."""
        replicates = f"{study.replicates} replicate{'s' * (study.replicates != 1)}"
        said = [
            f"search: {len(spaces)} arms (base included) x {self.trials} settings x {replicates}, at most "
            f"{trial_runs} runs, {self.width} settings of an arm at a time",
            f"confirmation: {confirming_rows} rows x {self.confirm} fresh replicates, at most "
            f"{confirming_rows * self.confirm} runs",
        ]
        if self.prunes:
            fewest = next(n for n in range(2, 64) if 0.5**n < self.prune)
            needs = f"at {self.prune:g} a setting can stop early from replicate {fewest} on"
            said.append(needs if study.replicates > fewest else f"{needs}, so with {replicates} none can")
        for arm, space in spaces.items():
            names = ", ".join(axis.name for axis in space.axes) or "nothing: it has a single setting"
            left_out = ", ".join(space.left_out)
            said.append(f"  {arm} sets {names}" + (f"; keeps as in base: {left_out}" if left_out else ""))
        return tuple(said)
