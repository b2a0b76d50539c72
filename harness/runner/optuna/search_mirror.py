"""A search in an Optuna storage: one study an arm for any Optuna tool to show; nothing is decided from it."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from functools import partial
from typing import Any

import optuna
from optuna.trial import FrozenTrial, Trial, TrialState, create_trial

from harness.interventions.base import Value
from harness.modes.base import mode_of
from harness.modes.plan import Plan
from harness.modes.search.sampling import DIRECTIONS, OptunaValue, distributions, encoded, quiet
from harness.modes.search.settings import SearchSettings
from harness.modes.search.space import Space
from harness.modes.search.trials import TrialObserver, Tried, is_trial
from harness.results.record import EpochPoint, RunRecord
from harness.runner.optuna.storage import Storage
from harness.runner.optuna.trials import TrialBook


class SearchBook(TrialObserver):
    """Keeps a mirror of every arm's search, and the cells of the confirmation as those of a grid; one writer only."""

    def __init__(self, plan: Plan, *, storage: Storage) -> None:
        self.primary = plan.study.primary
        self._storage = storage
        self._cells = TrialBook(name=plan.study.slug, storage=storage, primary=self.primary)
        self._confirming: set[str] = set()
        search = mode_of(plan.study)
        self._mirrors: dict[str, Mirror] = {}
        for arm, space in plan.spaces.items():
            assert isinstance(search, SearchSettings)
            study = storage.study(mirror_name(plan, search, arm), [DIRECTIONS[each] for each in search.objectives])
            self._mirrors[arm] = Mirror(study, space, search, primary=self.primary)

    def proposed(self, arm: str, trial: Tried) -> None:
        self._storage.put(partial(self._mirrors[arm].proposed, trial))

    def measured(self, arm: str, trial: Tried, replicate: int) -> None:
        self._storage.put(partial(self._mirrors[arm].measured, trial, replicate))

    def settled(self, arm: str, trial: Tried) -> None:
        self._storage.put(partial(self._mirrors[arm].settled, trial))

    def start(self, key: str, attributes: Mapping[str, str | int]) -> None:
        if not is_trial(str(attributes["arm"])):
            self._confirming.add(key)
            self._cells.start(key, attributes)

    def epoch(self, key: str, point: EpochPoint) -> None:
        if key in self._confirming:
            self._cells.epoch(key, point)

    def finish(self, record: RunRecord) -> None:
        if record.key in self._confirming:
            self._cells.finish(record)

    def fail(self, key: str, why: str) -> None:
        if key in self._confirming:
            self._cells.fail(key, why)

    def add_reused(self, record: RunRecord, attributes: Mapping[str, str | int]) -> None:
        if not is_trial(str(attributes["arm"])):
            self._cells.add_reused(record, attributes)

    def flush(self) -> None:
        self._storage.flush()

    def settle(self) -> None:
        self._storage.settle()


class Mirror:
    """The trials of one arm in an Optuna study: parameters, a value a replicate, and what became of them.

    A search that starts again names its trials again; those that are there already are left as they are, and one that a
    killed coordinator left running goes on. Each method is told whether it was tried ``again``, after a try that the
    storage did not answer and may have carried out all the same.
    """

    def __init__(self, study: optuna.Study, space: Space, search: SearchSettings, *, primary: str) -> None:
        self._study = study
        self._space = space
        self._pruning = len(search.objectives) == 1
        self._objectives = search.objectives
        self._shapes = distributions(space)
        self._before = self._there()
        self._open: dict[int, Trial] = {}
        self._shown: dict[int, set[int]] = {}
        names = {"quality": f"valid {primary}", "seconds": "seconds"}
        with quiet():
            study.set_metric_names([names[each] for each in search.objectives])

    def _there(self) -> dict[int, FrozenTrial]:
        """The trials that the study has, by their numbers in the search."""
        trials = self._study.get_trials(deepcopy=False)
        return {int(each.user_attrs["trial"]): each for each in trials if "trial" in each.user_attrs}

    def proposed(self, trial: Tried, again: bool) -> None:
        """Show the trial as running, unless it is there already."""
        self._before = self._there() if again else self._before
        before = self._before.get(trial.number)
        if before is not None and before.state is TrialState.RUNNING:
            if before.params == self._parameters(trial.point):
                self._open[trial.number] = Trial(self._study, before._trial_id)
                self._shown[trial.number] = set(before.intermediate_values)
                return
            self._study.tell(before.number, state=TrialState.FAIL)
        elif before is not None and before.params == self._parameters(trial.point) and before.state.is_finished():
            return
        self._add(trial, TrialState.RUNNING)
        newest = self._study.get_trials(deepcopy=False)[-1]
        self._open[trial.number] = Trial(self._study, newest._trial_id)
        self._shown[trial.number] = set(newest.intermediate_values)  # not empty where this write waited for long

    def measured(self, trial: Tried, replicate: int, again: bool) -> None:
        """Show a replicate's value; Optuna has no place for it where there are two objectives."""
        shown = self._open.get(trial.number)
        if shown is not None and self._pruning and replicate not in self._shown[trial.number]:
            shown.report(trial.runs[replicate].quality, replicate)
            self._shown[trial.number].add(replicate)

    def settled(self, trial: Tried, again: bool) -> None:
        """Show how the trial ended, unless it is there as it is."""
        assert trial.state is not None
        self._before = self._there() if again else self._before
        shown = self._open.get(trial.number)
        if shown is not None and not (again and self._before[trial.number].state.is_finished()):
            for name, value in self._outcome(trial).items():
                shown.set_user_attr(name, value)
            complete = trial.state is TrialState.COMPLETE
            self._study.tell(shown, self._values(trial) if complete else None, state=trial.state)
        elif shown is None and not self._same(self._before[trial.number], trial):
            self._add(trial, trial.state)
        self._open.pop(trial.number, None)

    def _add(self, trial: Tried, state: TrialState) -> None:
        self._study.add_trial(
            create_trial(
                state=state,
                params=self._parameters(trial.point),
                distributions=self._shapes,
                values=self._values(trial) if state is TrialState.COMPLETE else None,
                intermediate_values=trial.values if self._pruning else {},
                user_attrs=self._attributes(trial),
            )
        )

    def _same(self, before: FrozenTrial, trial: Tried) -> bool:
        return before.state is trial.state and before.user_attrs == self._attributes(trial)

    def _attributes(self, trial: Tried) -> dict[str, Any]:
        return {"trial": trial.number, "generation": trial.generation} | self._outcome(trial)

    def _outcome(self, trial: Tried) -> dict[str, Any]:
        """What is known once runs have ended: the record of each replicate, and why the trial failed."""
        if trial.state is None:
            return {}
        records = {str(replicate): run.key for replicate, run in sorted(trial.runs.items())}
        return {"records": records} | ({"failure": trial.reason} if trial.reason else {})

    def _values(self, trial: Tried) -> list[float]:
        told = {"quality": trial.quality, "seconds": trial.seconds}
        return [value for each in self._objectives if (value := told[each]) is not None]

    def _parameters(self, point: Mapping[str, Value]) -> dict[str, OptunaValue]:
        return encoded(self._space, point)


def mirror_name(plan: Plan, search: SearchSettings, arm: str) -> str:
    """The name of an arm's Optuna study; another course of the search, such as with more epochs, has another name."""
    study, space = plan.study, plan.spaces[arm]
    parts = [space.axes, space.stack, space.base.describe(), search, study.replicates, study.seed, study.budget]
    digest = hashlib.sha256(repr(parts).encode()).hexdigest()[:6]
    shown = ", ".join({"quality": study.primary, "seconds": "seconds"}[each] for each in search.objectives)
    return f"{study.slug} ({shown}): {arm} #{digest}"
