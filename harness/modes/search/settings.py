"""The ``search:`` part of a study file: how many settings are tried, the objectives, and how the best are compared."""

from __future__ import annotations

from abc import ABC
from typing import Annotated, ClassVar, Literal

from pydantic import BeforeValidator, Field, ValidationInfo, WithJsonSchema, field_validator

from harness.modes.base import Mode
from harness.study.arms import Lists
from harness.study.parts import refusal

Objective = Literal["quality", "seconds"]

OBJECTIVES: tuple[tuple[Objective, ...], ...] = (("quality",), ("quality", "seconds"))
"""The objectives that a search may have."""


def _known_objectives(value: object) -> tuple[Objective, ...]:
    for each in OBJECTIVES:
        if value in (each, list(each)):
            return each
    raise ValueError(value)


class SearchSettings(Mode, ABC):
    """How the setting of each arm is looked for, base included."""

    name: ClassVar[str] = "search"
    summary: ClassVar[str] = "the best setting of each arm, found on the validation set"
    lists: ClassVar[Lists] = Lists.CHOICES
    fixed_seeds: ClassVar[str] = "they judge each setting;  confirm  sets how many fresh ones compare the best"

    trials: Annotated[int, Field(ge=2, le=1000, description="settings tried for each arm, base included")] = 20
    width: Annotated[
        int, Field(ge=1, le=100, description="settings proposed at once, from the results of all before them")
    ] = 4
    startup: Annotated[
        int,
        Field(ge=1, le=1000, description="first settings, the default and random ones; a model proposes the others"),
    ] = 8
    objectives: Annotated[
        tuple[Objective, ...],
        BeforeValidator(_known_objectives),
        WithJsonSchema({"enum": [list(each) for each in OBJECTIVES]}),
        Field(description="quality: the primary metric on the validation set; seconds: run time, minimised"),
    ] = ("quality",)
    prune: Annotated[
        float,
        Field(
            ge=0, le=0.5, description="p-value below which a setting gets no more replicates; 0: no setting stops early"
        ),
    ] = 0.1
    confirm: Annotated[
        int, Field(ge=1, le=1000, description="fresh replicates on which the best setting of each arm is compared")
    ] = 3

    @field_validator("prune")
    @classmethod
    def _can_prune(cls, value: float, info: ValidationInfo) -> float:
        if value > 0 and len(info.data.get("objectives", ())) > 1:
            raise refusal("no_pruning", "with two objectives no setting can be pruned; leave it out")
        return value

    @property
    def prunes(self) -> bool:
        """Whether a setting may stop before its last replicate; Optuna can prune with a single objective only."""
        return self.prune > 0 and len(self.objectives) == 1

    def n_compared(self, replicates: int) -> int:
        return self.confirm
