"""The search section as typed values: settings tried on the validation set, and how the best one was found."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Setting = str | float | int | None
"""A value of a parameter; a sequence is written as text."""

TrialState = Literal["complete", "pruned", "failed", "running"]


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchedParameter:
    """A parameter that a search varied.

    Attributes:
        owner: ``base``, or the id of the remedy.
        range: the searched range in words.
        default, best: value at the start of the search, and in the best setting; `best` is None where there is none.
        importance: share of the parameter in the quality by PED-ANOVA; None where there are too few trials.
        numeric: whether the values are numbers, or numbers of epochs.
    """

    name: str
    owner: str
    meaning: str
    range: str
    default: Setting
    best: Setting
    importance: float | None
    numeric: bool
    log: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchedTrial:
    """A setting that was tried.

    Attributes:
        mean: primary metric on the validation set, mean over the replicates that ran.
        values: replicate -> the metric of one run.
        seconds: run time of one run.
        best: whether it is the setting that was confirmed.
        front: whether it is on the Pareto front of the objectives.
        reason: why it failed.
    """

    number: int
    generation: int
    state: TrialState
    setting: Mapping[str, Setting]
    mean: float | None
    values: Mapping[str, float]
    seconds: float | None
    best: bool
    front: bool
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchBudget:
    """The budget that the search of an arm used; `seconds` is the sum over its runs."""

    trials: int
    complete: int
    pruned: int
    failed: int
    runs: int
    epochs: int
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchedArm:
    """The search of one arm.

    Attributes:
        sentence: the best setting against the default, on the validation set.
        left_out: parameters of base that this arm's search does not vary, each with the reason.
        default, best: validation mean of the default and of the best setting.
    """

    name: str
    sentence: str
    parameters: tuple[SearchedParameter, ...]
    left_out: tuple[tuple[str, str], ...]
    trials: tuple[SearchedTrial, ...]
    default: float | None
    best: float | None
    budget: SearchBudget


@dataclass(frozen=True, slots=True, kw_only=True)
class Searched:
    """A search.

    Attributes:
        sentence: summary in words.
        notes: how to read it, and differences between the arms' searches.
        objectives: ``quality``, or ``quality`` and ``seconds``.
        replicates: replicates of the search; the report's other figures are from those of the confirmation.
        failures: arm, trial and reason of every trial that failed.
    """

    sentence: str
    notes: tuple[str, ...]
    objectives: tuple[str, ...]
    replicates: tuple[int, ...]
    done: bool
    arms: tuple[SearchedArm, ...]
    failures: tuple[tuple[str, int, str], ...]
