"""Trials of a search, one setting of an arm each, and the observer of a search."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from statistics import fmean
from typing import Any

from optuna.trial import TrialState

from harness.interventions.base import Value
from harness.modes.search.space import as_json
from harness.recipe.recipe import Recipe

STATES: Mapping[TrialState | None, str] = {
    TrialState.COMPLETE: "complete",
    TrialState.PRUNED: "pruned",
    TrialState.FAIL: "failed",
    None: "running",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """One run of a trial.

    Attributes:
        key: of its record.
        quality: the primary metric on the validation set at the chosen epoch, as the run is served.
        seconds: wall time of the run.
        epochs: number of epochs trained.
    """

    key: str
    quality: float
    seconds: float
    epochs: int


@dataclass(slots=True, kw_only=True)
class Tried:
    """A trial: one setting of an arm.

    Attributes:
        number: from 0, which is the arm's default.
        generation: from 0.
        point: value of every parameter.
        runs: replicate -> run, of those that finished.
        awaited: replicates that were named and have not ended.
        state: its outcome; None while it runs.
        reason: why it failed.
    """

    number: int
    generation: int
    point: Mapping[str, Value]
    recipe: Recipe
    runs: dict[int, Measured] = field(default_factory=dict)
    awaited: set[int] = field(default_factory=set)
    state: TrialState | None = None
    reason: str = ""

    @property
    def values(self) -> dict[int, float]:
        """Replicate -> quality, ascending."""
        return {replicate: self.runs[replicate].quality for replicate in sorted(self.runs)}

    @property
    def quality(self) -> float | None:
        """Mean over the replicates that finished."""
        return fmean(self.values.values()) if self.runs else None

    @property
    def seconds(self) -> float | None:
        """Wall time of a run, mean over the replicates that finished."""
        return fmean(run.seconds for run in self.runs.values()) if self.runs else None

    def described(self) -> dict[str, Any]:
        """The trial as plain values."""
        return {
            "number": self.number,
            "generation": self.generation,
            "state": STATES[self.state],
            "setting": {name: as_json(value) for name, value in self.point.items()},
            "values": {str(replicate): value for replicate, value in self.values.items()},
            "mean": self.quality,
            "seconds": self.seconds,
            "keys": {str(replicate): run.key for replicate, run in sorted(self.runs.items())},
            "reason": self.reason,
        }


class TrialObserver:
    """An observer that is called at every step of a search; this one does nothing."""

    def proposed(self, arm: str, trial: Tried) -> None:
        """A setting is about to be run."""

    def measured(self, arm: str, trial: Tried, replicate: int) -> None:
        """One of its runs has finished."""

    def settled(self, arm: str, trial: Tried) -> None:
        """A setting gets no more runs."""


def trial_row(arm: str, number: int) -> str:
    """The row of a trial's cells; it cannot be an arm's name, because that has no bracket."""
    return f"{arm}[trial {number}]"


def is_trial(row: str) -> bool:
    """Whether a row belongs to a trial."""
    return "[trial " in row
