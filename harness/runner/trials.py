"""Optuna's side of a study: one trial a cell, so that any Optuna tool shows the study as it runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

import optuna
from optuna.exceptions import OptunaError
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, Trial, TrialState
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, SQLAlchemyError

from harness.errors import EnvironmentProblem
from harness.records import EpochPoint, RunRecord


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


class TrialBook:
    """Writes the cells of a grid study into an Optuna study by ask and tell; only the coordinator holds one."""

    def __init__(self, *, name: str, storage: str, primary: str) -> None:
        self._study = open_study(f"{name} ({primary})", storage)
        self.primary = primary
        self._open: dict[str, Trial] = {}
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
        """Open the trial of a cell that is about to run."""
        trial = self._study.ask()
        for name, value in {"key": key, **attributes}.items():
            trial.set_user_attr(name, value)
        self._open[key] = trial

    def epoch(self, key: str, point: EpochPoint) -> None:
        """Report an evaluation as the trial's intermediate value."""
        if self.primary in point.valid_on:
            self._open[key].report(point.valid_on[self.primary], step=point.epoch)

    def finish(self, record: RunRecord) -> None:
        """Complete the trial with valid's primary metric at the chosen epoch."""
        self._study.tell(self._open.pop(record.key), record.chosen.valid_on[self.primary])

    def fail(self, key: str, why: str) -> None:
        """Fail the trial; it stays visible and the next run tries the cell again."""
        trial = self._open.pop(key)
        trial.set_user_attr("failure", why)
        self._study.tell(trial, state=TrialState.FAIL)

    def add_reused(self, record: RunRecord, attributes: Mapping[str, str | int]) -> None:
        """Enter a cell whose record was there already, unless its trial is there, too."""
        if record.key in self._finished:
            return
        self._study.add_trial(
            optuna.trial.create_trial(
                user_attrs={"key": record.key, "reused": True, **attributes},
                intermediate_values={
                    point.epoch: point.valid_on[self.primary]
                    for point in record.curve
                    if self.primary in point.valid_on
                },
                value=record.chosen.valid_on[self.primary],
            )
        )

    def trials(self) -> list[FrozenTrial]:
        """Every trial so far."""
        return self._study.get_trials(deepcopy=False)


def open_study(
    name: str, storage: str, directions: Sequence[StudyDirection] = (StudyDirection.MAXIMIZE,)
) -> optuna.Study:
    """The Optuna study of that name, made where there is none.

    Raises:
        EnvironmentProblem: the storage cannot be opened; the text shows no password.
    """
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    try:
        return optuna.create_study(
            study_name=name,
            storage=storage,
            directions=list(directions),
            sampler=optuna.samplers.RandomSampler(seed=0),
            load_if_exists=True,
        )
    except (OptunaError, SQLAlchemyError, ImportError) as problem:
        raise EnvironmentProblem(
            f"cannot open the Optuna storage {without_password(storage)}: {problem}; "
            "move the file aside or name another --storage"
        ) from problem


def without_password(storage: str) -> str:
    """A storage URL that may be shown.

    >>> without_password("postgresql+psycopg://me:secret@host/db")
    'postgresql+psycopg://me:***@host/db'
    """
    try:
        return make_url(storage).render_as_string(hide_password=True)
    except ArgumentError:
        return storage
