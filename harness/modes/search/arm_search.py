"""The search of one arm: generations of trials, each trial a setting that is run on the study's replicates."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from optuna.trial import TrialState

from harness.modes.plan import Cell, Plan
from harness.modes.search.sampling import Proposals
from harness.modes.search.settings import SearchSettings
from harness.modes.search.space import Space
from harness.modes.search.trials import STATES, Measured, TrialObserver, Tried, trial_row
from harness.results.record import RunRecord

UNPRUNED = 2
"""Replicates that every setting gets; with fewer, Wilcoxon's test cannot decide."""


class ArmSearch:
    """The search of one arm; it proposes a generation when the one before is complete.

    Results are told in the order of proposal, so proposals depend on results alone: not on which of them came first,
    nor on how many ran at once.
    """

    def __init__(self, name: str, plan: Plan, space: Space, search: SearchSettings, observer: TrialObserver) -> None:
        self.name = name
        self.space = space
        self.trials: list[Tried] = []
        self._plan = plan
        self._search = search
        self._observer = observer
        self.proposals = Proposals(space, search, seed=plan.study.seed, arm=name)
        self._running: list[Tried] = []
        self._rows: dict[str, Tried] = {}
        self._named: list[Cell] = []
        self._propose()

    @property
    def done(self) -> bool:
        """Whether every trial has ended and been told to the sampler."""
        return not self._running

    @property
    def winner(self) -> Tried | None:
        """The complete trial of the best quality; of equals the first, or with two objectives the quickest."""
        complete = [each for each in self.trials if each.state is TrialState.COMPLETE]
        quick = "seconds" in self._search.objectives
        return min(
            complete, key=lambda one: (-_known(one.quality), _known(one.seconds) * quick, one.number), default=None
        )

    def described(self) -> dict[str, Any]:
        """The search so far as plain values for the manifest."""
        best = self.winner
        runs = [run for trial in self.trials for run in trial.runs.values()]
        states = [STATES[trial.state] for trial in self.trials]
        return {
            "name": self.name,
            "parameters": [axis.described() for axis in self.space.axes],
            "left_out": [{"name": name, "reason": reason} for name, reason in self.space.left_out.items()],
            "trials": [each.described() for each in self.trials],
            "winner": None if best is None else best.number,
            "front": self.proposals.front(),
            "importance": self.proposals.importance(),
            "exhausted": self.proposals.exhausted,
            "budget": {
                "trials": len(states),
                **{state: states.count(state) for state in ("complete", "pruned", "failed")},
                "runs": len(runs),
                "epochs": sum(run.epochs for run in runs),
                "seconds": sum(run.seconds for run in runs),
            },
        }

    def ready(self) -> Sequence[Cell]:
        """Cells that have not been named yet."""
        named, self._named = self._named, []
        return named

    def owns(self, cell: Cell) -> bool:
        """Whether the cell belongs to this search."""
        return cell.row in self._rows

    def finished(self, cell: Cell, record: RunRecord) -> None:
        """Take in the record of a cell of this search."""
        trial = self._rows[cell.row]
        trial.awaited.discard(cell.replicate)
        quality = record.quality(self._plan.study.primary)
        if not math.isfinite(quality):
            trial.reason = (
                trial.reason or f"replicate {cell.replicate}: no finite validation metric at the chosen epoch"
            )
        else:
            trial.runs[cell.replicate] = Measured(
                key=record.key,
                quality=quality,
                seconds=record.seconds["total"],
                epochs=max(point.epoch for point in record.curve),
            )
            self._observer.measured(self.name, trial, cell.replicate)
        self._go_on(trial)

    def failed(self, cell: Cell, why: str) -> None:
        """Note that a cell of this search has failed: its trial fails, the search goes on."""
        trial = self._rows[cell.row]
        trial.awaited.discard(cell.replicate)
        trial.reason = trial.reason or f"replicate {cell.replicate}: {why}"
        self._go_on(trial)

    def _go_on(self, trial: Tried) -> None:
        """Settle a trial whose cells have ended or name its next cell; a settled generation is told to the sampler."""
        if trial.awaited:
            return
        if trial.reason:
            trial.state = TrialState.FAIL
        elif len(trial.runs) == self._plan.study.replicates:
            trial.state = TrialState.COMPLETE
        elif self.proposals.hopeless(trial.number, trial.values):
            trial.state = TrialState.PRUNED
        else:
            self._name(trial, [len(trial.runs)])
            return
        self._observer.settled(self.name, trial)
        if all(each.state is not None for each in self._running):
            for each in self._running:
                assert each.state is not None
                self.proposals.tell(each.number, each.state, each.values, each.seconds)
            self._propose()

    def _propose(self) -> None:
        """Propose the next generation, if trials are left, and name its first cells."""
        n = min(self._search.width, self._search.trials - len(self.trials))
        generation = self._running[0].generation + 1 if self._running else 0
        self._running = [
            Tried(number=len(self.trials) + place, generation=generation, point=point, recipe=recipe)
            for place, (point, recipe) in enumerate(self.proposals.propose(n))
        ]
        self.trials += self._running
        first = UNPRUNED if self._search.prunes else self._plan.study.replicates
        for each in self._running:
            self._rows[trial_row(self.name, each.number)] = each
            self._observer.proposed(self.name, each)
            self._name(each, range(min(first, self._plan.study.replicates)))

    def _name(self, trial: Tried, replicates: Sequence[int]) -> None:
        row = trial_row(self.name, trial.number)
        trial.awaited.update(replicates)
        label = " ".join([self.name, *self.space.settings(trial.point)])
        cells = [self._plan.cell(row, trial.recipe, replicate) for replicate in replicates]
        self._named += [replace(cell, label=label) for cell in cells]


def _known(value: float | None) -> float:
    assert value is not None
    return value
