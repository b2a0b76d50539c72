"""The results of a liveness audit, as data and as ``audit.json``; needs no torch."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from enum import IntEnum
from pathlib import Path
from typing import Any, ClassVar, Literal

from pydantic import ConfigDict, TypeAdapter, ValidationError

from harness.errors import InputError
from harness.files import write_atomically
from harness.results.manifest import first_fault

FILE = "audit.json"

Plain = float | int | bool | str | None | list[Any]
"""A value as JSON has it; values of other types are written as text."""


class Rung(IntEnum):
    """How far a change reached.  Source: statistics, "How far a change reached"."""

    DEAD = 0
    LOG = 1
    LOSS = 2
    GRADIENT = 3
    NEIGHBOURS = 4
    RANKS = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """A recipe's short run and probe batch against those of base.

    Attributes:
        training: the highest rung up to ``GRADIENT``: whether training changes.
        reach: the highest rung of all; ``RANKS`` over ``training`` at ``LOSS`` is a change of scores alone.
        neighbours: whether validation queries find other entries at the chosen epoch.
        users_moved: share of users any of whose ranks on the validation or test set differs, in [0, 1].
        hits_moved: share of users any of whose targets enters or leaves the top ten, in [0, 1].
        gradient_change: length of the change of the probe batch's gradient, as a share of the gradient's own; None
            if the two differ in shape, or base's is 0.
        figures: of the probe batch under this recipe, on the weights before training; None for one without a value.
    """

    training: Rung
    reach: Rung
    neighbours: bool
    users_moved: float
    hits_moved: float
    gradient_change: float | None
    figures: Mapping[str, float | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """Why a short run did not finish."""

    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """One other value of a parameter, run.

    Attributes:
        value: what the parameter was set to.
        found: how far it reached.
        expected: why the rules of composition expect it to change nothing; empty where they do not.
    """

    value: Plain
    found: Measured
    expected: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class NotTried:
    """A value whose run did not finish, or a parameter without a value to try (``value`` is None then)."""

    value: Plain
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Audited:
    """A parameter and how far its changes reached.

    Attributes:
        name: seam and field path, such as ``temperature.schedule.value``.
        alias: its name for users; empty if there is no other name.
        value: in base.
        trials: values that were run.
        not_tried: values that were not, each with the reason.
    """

    name: str
    alias: str
    value: Plain
    trials: tuple[Trial, ...]
    not_tried: tuple[NotTried, ...] = ()

    @property
    def training(self) -> Rung | None:
        """The highest rung of training that a trial reached; None without trials."""
        return max((each.found.training for each in self.trials), default=None)

    @property
    def reach(self) -> Rung | None:
        """The highest rung that a trial reached; None without trials."""
        return max((each.found.reach for each in self.trials), default=None)

    @property
    def users_moved(self) -> float:
        """The largest share of users that a trial moved."""
        return max((each.found.users_moved for each in self.trials), default=0.0)

    @property
    def hits_moved(self) -> float:
        """The largest share of users whose top ten gains or loses a target."""
        return max((each.found.hits_moved for each in self.trials), default=0.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Audit:
    """A liveness audit of a study's base.

    Attributes:
        study: name of the study.
        base: the study's base stack as text; empty where it is FTragrec as published.
        recipe: base in full, seam -> text.
        data: name, fingerprint, n_users, n_prefixes of the whole set.
        sample: n_users and n_prefixes of the short runs.
        backbone: key of the backbone.
        epochs: of every short run.
        replicate: the replicate whose backbone and streams they used.
        figures: of base's probe batch.
        parameters: every parameter of the recipe once, in the recipe's order.
        without_parameters: seams that have none.
        seconds: wall time of the short runs.
    """

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid")

    schema_version: Literal[1] = 1
    study: str
    base: tuple[str, ...]
    recipe: Mapping[str, str]
    data: Mapping[str, Any]
    sample: Mapping[str, int]
    backbone: str
    epochs: int
    replicate: int
    figures: Mapping[str, float | None]
    parameters: tuple[Audited, ...]
    without_parameters: tuple[str, ...]
    seconds: float
    provenance: Mapping[str, Any] = field(default_factory=dict[str, Any])

    def by_reach(self) -> tuple[Audited, ...]:
        """Parameters that were tried, the dead ones first."""
        tried = [each for each in self.parameters if each.trials]
        return tuple(sorted(tried, key=lambda each: (each.reach, each.training, each.users_moved, each.name)))

    def reaching(self, rung: Rung) -> tuple[Audited, ...]:
        """Tried parameters whose highest rung is exactly this one."""
        return tuple(each for each in self.by_reach() if each.reach is rung)

    def train_nothing(self) -> tuple[Audited, ...]:
        """Tried parameters whose changes have no effect on training, whatever their effect on scores."""
        return tuple(each for each in self.by_reach() if each.training is not None and each.training < Rung.GRADIENT)

    def to_json(self) -> str:
        return json.dumps(asdict(self), indent=1, ensure_ascii=False, allow_nan=False)


def write_audit(folder: Path, audit: Audit) -> Path:
    """Write ``audit.json`` into a study's folder.

    Raises:
        harness.errors.EnvironmentProblem: the folder cannot be written.
    """
    path = folder / FILE
    write_atomically(path, audit.to_json().encode())
    return path


def read_audit(folder: Path) -> Audit | None:
    """The audit of a study's folder; None where the study was never audited.

    Raises:
        InputError: the file is damaged or of another version.
    """
    path = folder / FILE
    try:
        return TypeAdapter(Audit).validate_json(path.read_bytes())
    except FileNotFoundError:
        return None
    except ValidationError as problem:
        why = first_fault(problem)
        raise InputError(f"{path} is damaged or of another version ({why}); audit the study again") from problem
