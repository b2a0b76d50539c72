"""The keys of a study file, their types, bounds and defaults, as pydantic models."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Annotated, Any, ClassVar, Literal

from pydantic import (
    BeforeValidator,
    Field,
    WithJsonSchema,
    create_model,
)

from harness.engine.types.budget import Budget
from harness.study.arms import ArmSetting, Lists
from harness.study.parts import (
    BackboneModel,
    DataModel,
    DiagnosticsModel,
    FollowsModel,
    Part,
    ProtocolModel,
    known_metric,
    list_metrics,
)
from harness.study.replicates import DEFAULT_REPLICATES, ReplicatesModel
from harness.study.yaml_lines import Document


class StudyMode(Part):
    """The study-file side of a mode; its fields are the keys of the part of the file that has the mode's name.

    Attributes:
        name: its name in ``mode:``.
        summary: what it does with the arms, one phrase.
        lists: what a list of values in an arm means.
        fixed_seeds: why ``replicates: {start, most}`` is refused; empty in a mode that takes it.
    """

    name: ClassVar[str]
    summary: ClassVar[str]
    lists: ClassVar[Lists] = Lists.GRID
    fixed_seeds: ClassVar[str] = "it does not look at results between seeds"

    def check(self, document: Document, rows: Sequence[ArmSetting]) -> None:
        """Note in the document why these arms cannot run in this mode."""

    def n_compared(self, replicates: int) -> int:
        """The number of replicates on which the report compares rows, in a study of so many ``replicates``."""
        return replicates


class StudyModel(Part):
    """A study: a question, a data set, and the arms that are compared with base."""

    name: Annotated[str, Field(min_length=1, max_length=200, description="names the folder of results")]
    question: Annotated[str, Field(max_length=2000, description="what the study is to answer; heads the report")] = ""
    data: Annotated[DataModel, Field(description="a named data set, or a file and how to read it")]
    base: Annotated[Any, Field(description="remedies under every arm, base included")] = None
    arms: Annotated[Any, Field(description="what is compared with base")]
    mode: str = ""
    replicates: Annotated[
        ReplicatesModel,
        Field(description="a number of seeds per setting, or {start: 3, most: 10}: more seeds where they decide"),
    ] = ReplicatesModel.model_validate(DEFAULT_REPLICATES)
    seed: Annotated[int, Field(ge=0, le=2**31 - 1, description="seed of replicate 0")] = 0
    primary: Annotated[
        str,
        BeforeValidator(known_metric),
        Field(json_schema_extra=list_metrics, description="the metric that ranks the arms, on the test set"),
    ] = "ndcg@10"
    checkpoint: Annotated[
        str | None,
        BeforeValidator(known_metric),
        Field(
            json_schema_extra=list_metrics,
            description="the metric that chooses the epoch, on the validation set; default: the primary",
        ),
    ] = None
    guard: Annotated[
        list[Annotated[str, BeforeValidator(known_metric)]],
        WithJsonSchema({"type": "array", "items": {"type": "string"}}),
        Field(max_length=10, description="metrics that must not fall; the report names better arms that lower one"),
    ] = []  # noqa: RUF012 - pydantic copies it
    sesoi: Annotated[
        float,
        Field(gt=0, le=1, description="smallest effect of interest, as a fraction of base's primary metric"),
    ] = 0.01
    budget: Budget = Budget()
    backbone: Annotated[
        BackboneModel,
        Field(
            description="per_seed (one for every replicate), shared (one for all), {model: NAME} (another encoder) or "
            "{checkpoint: FILE} (that one)"
        ),
    ] = BackboneModel(trained="per_seed")
    protocol: Annotated[
        ProtocolModel,
        Field(description="how the study measures: targets per user, history, memory"),
    ] = ProtocolModel()
    diagnostics: Annotated[
        DiagnosticsModel, Field(description="evidence on why an arm helps or not: off, light, full, or a mapping")
    ] = DiagnosticsModel()
    follows: Annotated[
        FollowsModel | None, Field(description="the study that this one follows, and what it expects of the arms")
    ] = None
    device: Annotated[
        Literal["auto", "cpu", "cuda"],
        Field(description="where the runs compute; auto: CUDA if torch can use it, else the CPU"),
    ] = "auto"
    on_inapplicable: Annotated[
        Literal["error", "skip"], Field(description="an arm that cannot act on this base: refuse the study or list it")
    ] = "error"


@cache
def study_model(modes: tuple[type[StudyMode], ...]) -> type[StudyModel]:
    """The model of a study file that may name these modes; the first is the default."""
    summaries = "; ".join(f"{mode.name}: {mode.summary}" for mode in modes)
    names = Literal[tuple(mode.name for mode in modes)]  # type: ignore[valid-type]
    fields: dict[str, Any] = {"mode": (Annotated[names, Field(description=summaries)], modes[0].name)}
    for mode in modes:
        if mode.model_fields:
            kind = Annotated[mode | None, Field(description=f"settings of mode {mode.name}")]
            fields[mode.name] = (kind, None)
    return create_model("StudyModel", __base__=StudyModel, __doc__=StudyModel.__doc__, **fields)
