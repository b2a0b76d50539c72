"""The search part of the report as typed values: what was tried on valid, and how the best setting was found."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Setting = str | float | int | None
"""A value of a parameter; a sequence is written as text."""

TrialState = Literal["complete", "pruned", "failed", "running"]


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchedParameter:
    """A parameter that a search set.

    Attributes:
        owner: ``base``, or the id of the remedy.
        range: what was searched, in words.
        default, best: where the search began, and where the best setting is; None where nothing finished.
        importance: its share in the quality by PED-ANOVA; None where too few trials tell.
        numeric: its values are numbers, or numbers of epochs.
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
        mean: of the primary metric on valid over the replicates that ran.
        values: replicate -> the same of one run.
        seconds: of a run.
        best: it is the one that was confirmed.
        front: no other is better in every objective.
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
    """What the search of an arm used; seconds are those of its runs, one after the other."""

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
        sentence: the best setting against the default, on valid.
        left_out: parameters of base that this arm's search leaves alone, each with the reason.
        default, best: mean on valid of the default and of the best setting.
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
        sentence: what was done, in words.
        notes: how to read it, and what was unequal.
        objectives: ``quality``, or ``quality`` and ``seconds``.
        replicates: of the search; those of the confirmation are the report's own.
        failures: arm, trial and reason of every trial that failed.
    """

    sentence: str
    notes: tuple[str, ...]
    objectives: tuple[str, ...]
    replicates: tuple[int, ...]
    done: bool
    arms: tuple[SearchedArm, ...]
    failures: tuple[tuple[str, int, str], ...]
