"""The ``search:`` part of a study file: how many settings are tried, what for, and how the best are compared."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal, cast

from pydantic import BaseModel, ConfigDict, Field, ValidationError, WithJsonSchema

from harness.study.problems import show
from harness.study.yaml_lines import Document

Objective = Literal["quality", "seconds"]

OBJECTIVES: tuple[tuple[Objective, ...], ...] = (("quality",), ("quality", "seconds"))
"""What a search may look for."""


class SearchModel(BaseModel):
    """How the setting of each arm is looked for, base included."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)

    trials: Annotated[int, Field(ge=2, le=1000, description="settings tried for each arm, base included")] = 20
    width: Annotated[
        int, Field(ge=1, le=100, description="settings proposed at once, from the results of all before them")
    ] = 4
    startup: Annotated[
        int,
        Field(ge=1, le=1000, description="first settings, drawn at random but for the default; then a model proposes"),
    ] = 8
    objectives: Annotated[
        Any,
        WithJsonSchema({"enum": [list(each) for each in OBJECTIVES]}),
        Field(description="quality: the primary metric on valid; seconds: of a run, as few as possible"),
    ] = ["quality"]
    prune: Annotated[
        float,
        Field(ge=0, le=0.5, description="p-value under which a setting gets no more replicates; 0: none is stopped"),
    ] = 0.1
    confirm: Annotated[
        int, Field(ge=1, le=1000, description="fresh replicates on which the best setting of each arm is compared")
    ] = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """How settings are looked for.

    Attributes:
        trials: settings tried for each arm, base included.
        width: settings of a generation: proposed together, from the results of all generations before.
        startup: settings before the model proposes, the default and others drawn at random.
        objectives: what is looked for; quality comes first.
        prune: p-value under which a setting gets no further replicate; 0: never.
        confirm: fresh replicates on which the best settings are compared.
    """

    trials: int
    width: int
    startup: int
    objectives: tuple[Objective, ...]
    prune: float
    confirm: int

    @property
    def prunes(self) -> bool:
        """Whether a setting may stop before its last replicate; Optuna can judge by one objective only."""
        return self.prune > 0.0 and len(self.objectives) == 1


def search_of(model: SearchModel | None) -> Search:
    """What a checked model asks for, or the default."""
    given = model or SearchModel()
    return Search(
        trials=given.trials,
        width=given.width,
        startup=given.startup,
        objectives=tuple(cast("list[Objective]", given.objectives)),
        prune=given.prune,
        confirm=given.confirm,
    )


def check_search(document: Document, raw: Mapping[str, object]) -> None:
    """Note objectives that are none, and a pruning that nothing could do.

    Args:
        document: where mistakes are noted.
        raw: the study file's values.
    """
    try:
        model = SearchModel.model_validate(raw.get("search") or {})
    except ValidationError:
        return  # the schema has said so
    if model.objectives not in [list(each) for each in OBJECTIVES]:
        allowed = " or ".join(f"[{', '.join(each)}]" for each in OBJECTIVES)
        document.add(("search", "objectives"), f"{show(model.objectives)} is not {allowed}")
    elif len(cast("list[object]", model.objectives)) > 1 and "prune" in model.model_fields_set and model.prune > 0.0:
        document.add(("search", "prune"), "with two objectives no setting can be pruned; remove this line")
