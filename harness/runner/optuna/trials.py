"""Optuna's side of a study: one trial a cell, so that any Optuna tool shows the study as it runs."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Protocol

from optuna.exceptions import UpdateFinishedTrialError
from optuna.trial import FrozenTrial, TrialState, create_trial

from harness.results.record import EpochPoint, RunRecord
from harness.runner.optuna.storage import Storage

ENTRY = "entry"
"""The attribute by which a trial is known again whose writing was cut short."""


class Book(Protocol):
    """Told of every cell that is run or was there already.

    Attributes:
        primary: the metric on valid that it shows.
    """

    primary: str

    def start(self, key: str, attributes: Mapping[str, str | int]) -> None:
        """A cell is about to run."""
        ...

    def epoch(self, key: str, point: EpochPoint) -> None:
        """It has been evaluated."""
        ...

    def finish(self, record: RunRecord) -> None:
        """It has its record."""
        ...

    def fail(self, key: str, why: str) -> None:
        """It has none."""
        ...

    def add_reused(self, record: RunRecord, attributes: Mapping[str, str | int]) -> None:
        """A cell need not run."""
        ...

    def flush(self) -> None:
        """Write what waits for a storage that was away, if its time has come."""
        ...

    def settle(self) -> None:
        """Write all that waits."""
        ...


class TrialBook:
    """Shows the cells of a study in an Optuna study; only the coordinator holds one.

    Args:
        name: of the study.
        storage: where; or its URL.
        primary: the metric that trials are valued by.

    Raises:
        harness.errors.EnvironmentProblem: the storage cannot be opened.
    """

    def __init__(self, *, name: str, storage: Storage | str, primary: str) -> None:
        self.primary = primary
        self._storage = storage if isinstance(storage, Storage) else Storage(storage)
        self._database = self._storage.database
        self._study = self._storage.study(study_name(name, primary))
        self._open: dict[str, _Shown] = {}
        with self._storage.opening():
            self._study_id = self._database.get_study_id_from_name(self._study.study_name)
            self._close_stale()
            self._finished = self._finished_keys()

    def _close_stale(self) -> None:
        """Trials that a killed coordinator left running become failed ones."""
        stale = self._study.get_trials(deepcopy=False, states=(TrialState.RUNNING,))
        for each in stale:
            self._study.tell(each.number, state=TrialState.FAIL)

    def _finished_keys(self) -> frozenset[str]:
        """Record keys of the trials that were complete when the book was opened."""
        complete = self._study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
        return frozenset(str(each.user_attrs.get("key", "")) for each in complete)

    def start(self, key: str, attributes: Mapping[str, str | int]) -> None:
        """Open the trial of a cell that is about to run; one whose record was lost keeps the trial that it had."""
        if key in self._finished:
            return
        trial = create_trial(state=TrialState.RUNNING, user_attrs={"key": key, ENTRY: uuid.uuid4().hex, **attributes})
        self._open[key] = _Shown(trial)
        self._put(self._open[key])

    def epoch(self, key: str, point: EpochPoint) -> None:
        """Report an evaluation as the trial's intermediate value."""
        shown = self._open.get(key)
        if shown is not None and self.primary in point.valid_on:
            shown.trial.intermediate_values[point.epoch] = point.valid_on[self.primary]
            self._put(shown)

    def finish(self, record: RunRecord) -> None:
        """Complete the trial with valid's primary metric at the chosen epoch."""
        shown = self._open.pop(record.key, None)
        if shown is not None:
            shown.trial.value = record.measured(self.primary).valid_on[self.primary]
            self._end(shown, TrialState.COMPLETE)

    def fail(self, key: str, why: str) -> None:
        """Fail the trial; it stays visible and the next run tries the cell again."""
        shown = self._open.pop(key, None)
        if shown is not None:
            shown.trial.set_user_attr("failure", why)
            self._end(shown, TrialState.FAIL)

    def add_reused(self, record: RunRecord, attributes: Mapping[str, str | int]) -> None:
        """Enter a cell whose record was there already, unless its trial is there, too."""
        if record.key in self._finished:
            return
        trial = create_trial(
            user_attrs={"key": record.key, ENTRY: uuid.uuid4().hex, "reused": True, **attributes},
            intermediate_values={
                point.epoch: point.valid_on[self.primary] for point in record.curve if self.primary in point.valid_on
            },
            value=record.measured(self.primary).valid_on[self.primary],
        )
        self._put(_Shown(trial))

    def _end(self, shown: _Shown, state: TrialState) -> None:
        shown.trial.state = state
        shown.trial.datetime_complete = datetime.now()  # Optuna's clock: local, without a zone
        self._put(shown)

    def _put(self, shown: _Shown) -> None:
        """Have it written as it is by then, once however often it changes before."""
        if shown.waiting:
            self._storage.flush()
        else:
            shown.waiting = True
            self._storage.put(partial(self._write, shown))

    def flush(self) -> None:
        self._storage.flush()

    def settle(self) -> None:
        self._storage.settle()

    def trials(self) -> list[FrozenTrial]:
        """Every trial so far."""
        return self._study.get_trials(deepcopy=False)

    def _write(self, shown: _Shown, again: bool) -> None:
        """Bring the storage to what the trial should be."""
        trial = shown.trial
        if shown.number is None and again:
            shown.number = self._entered(str(trial.user_attrs[ENTRY]))
        if shown.number is None:
            shown.number = self._database.create_new_trial(self._study_id, trial)
            shown.steps = set(trial.intermediate_values)
        else:
            try:
                self._update(shown, shown.number)
            except UpdateFinishedTrialError:
                if not again:
                    raise
        shown.waiting = False

    def _update(self, shown: _Shown, number: int) -> None:
        trial = shown.trial
        for step in sorted(trial.intermediate_values.keys() - shown.steps):
            self._database.set_trial_intermediate_value(number, step, trial.intermediate_values[step])
            shown.steps.add(step)
        if trial.state.is_finished():
            if "failure" in trial.user_attrs:
                self._database.set_trial_user_attr(number, "failure", trial.user_attrs["failure"])
            self._database.set_trial_state_values(number, trial.state, trial.values)

    def _entered(self, entry: str) -> int | None:
        """The trial that a try made although it seemed to fail: the answer was lost, not the question."""
        trials = self._database.get_all_trials(self._study_id, deepcopy=False)
        return next((each._trial_id for each in trials if each.user_attrs.get(ENTRY) == entry), None)


@dataclass(slots=True)
class _Shown:
    """A trial as it should be, and how far it has been written.

    Attributes:
        trial: as it should be.
        number: its number in the storage, once it is there.
        steps: intermediate values that are there.
        waiting: for the storage's next round.
    """

    trial: FrozenTrial
    number: int | None = None
    steps: set[int] = field(default_factory=set)
    waiting: bool = False


def study_name(name: str, primary: str) -> str:
    """The study's name in a storage: values by another metric belong to another study."""
    return f"{name} ({primary})"
