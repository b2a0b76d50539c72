"""The keys of a study file, their types, bounds and defaults, as pydantic models."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, WithJsonSchema

from harness.data.formats import FORMATS
from harness.study.search import SearchModel
from harness.study.stacks import FactorialModel, GreedyModel


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)


class ColumnsModel(_Model):
    """Which column of an interaction file holds what, by the name in its header without the type."""

    user: Annotated[str, Field(min_length=1, max_length=200, description="column of the user")] = "user_id"
    item: Annotated[str, Field(min_length=1, max_length=200, description="column of the item")] = "item_id"
    time: Annotated[
        str | None,
        Field(
            min_length=1, max_length=200, description="column of the time stamp; null where lines are in order of time"
        ),
    ] = "timestamp"


def _known_format(name: str | None) -> str | None:
    if name is not None:
        FORMATS.find(name)
    return name


def _list_formats(schema: dict[str, Any]) -> None:
    schema["anyOf"][0] = {"enum": list(FORMATS), "type": "string"}


class DataModel(_Model):
    """Where the interactions come from."""

    name: Annotated[str | None, Field(max_length=200, description="a named data set, such as ml-100k")] = None
    path: Annotated[
        str | None, Field(min_length=1, max_length=4000, description="a file; relative to the study file's folder")
    ] = None
    format: Annotated[
        str | None,
        AfterValidator(_known_format),
        Field(
            json_schema_extra=_list_formats,
            description="recbole: .inter with a typed header; sequences: 'user item item ...' a line; "
            "left out: told by the suffix, .inter or .txt",
        ),
    ] = None
    columns: ColumnsModel | None = None
    min_interactions: Annotated[
        int, Field(ge=1, le=1000, description="users and items with fewer interactions are dropped, repeatedly")
    ] = 5


class BudgetModel(_Model):
    """How long one run may train."""

    epochs: Annotated[int, Field(ge=1, le=10_000, description="epochs at most")] = 10
    patience: Annotated[
        int, Field(ge=1, le=10_000, description="epochs without a better valid metric before a run stops")
    ] = 5


class DiagnosticsModel(_Model):
    """What evidence is measured beside the metrics."""

    level: Annotated[
        Literal["off", "light", "full"],
        Field(description="off; light: a sample, under a tenth of a run's time; full: a larger one at every epoch"),
    ] = "light"
    arms: Annotated[
        Any,
        WithJsonSchema({"type": "array", "items": {"type": "string"}}),
        Field(description="arms that are diagnosed, each in its first replicate, beside base; left out: all"),
    ] = None
    mute: Annotated[
        Any,
        WithJsonSchema({"type": "object", "additionalProperties": {"type": "string", "minLength": 1}}),
        Field(description="checks that are not asked, by code, each with the reason that the report prints"),
    ] = None


MOST_SAMPLED = 65_536
"""A step holds so many logits for each of its some 800 targets: 200 MB."""


class BackboneModel(_Model):
    """Which backbones the runs fine-tune."""

    trained: Annotated[
        Literal["per_seed", "shared"] | None, Field(description="a backbone for every replicate, or one for all")
    ] = None
    checkpoint: Annotated[
        str | None,
        Field(
            min_length=1,
            max_length=4000,
            description="a file of ftr-study import-checkpoint, or a trained one, for all replicates; relative to the "
            "study file's folder",
        ),
    ] = None
    n_sampled: Annotated[
        int,
        Field(
            ge=0,
            le=MOST_SAMPLED,
            description="items that a step of its training draws for a sampled softmax; 0: softmax over all items",
        ),
    ] = 0


class StudyModel(_Model):
    """A study: a question, a data set, and the arms that are compared with base."""

    name: Annotated[str, Field(min_length=1, max_length=200, description="names the folder of results")]
    question: Annotated[str, Field(max_length=2000, description="what the study is to answer; heads the report")] = ""
    data: Annotated[DataModel, Field(description="a named data set, or a file and how to read it")]
    base: Annotated[Any, Field(description="remedies under every arm, base included")] = None
    arms: Annotated[Any, Field(description="what is compared with base")]
    mode: Annotated[
        Literal["grid", "search", "factorial", "greedy"],
        Field(
            description="grid: every setting, every replicate; search: the best setting of each arm, found on valid; "
            "factorial: combinations of the arms; greedy: a stack built from the arms one by one"
        ),
    ] = "grid"
    search: Annotated[SearchModel | None, Field(description="mode search: how settings are looked for")] = None
    factorial: Annotated[FactorialModel | None, Field(description="mode factorial: which combinations are run")] = None
    greedy: Annotated[GreedyModel | None, Field(description="mode greedy: how the stack is built")] = None
    replicates: Annotated[int, Field(ge=1, le=1000, description="runs of each setting, each with its own seed")] = 3
    seed: Annotated[int, Field(ge=0, le=2**31 - 1, description="seed of replicate 0")] = 0
    primary: Annotated[str, Field(description="the metric that ranks the arms, on the test set")] = "ndcg@10"
    checkpoint: Annotated[str, Field(description="the metric that chooses the epoch, on the validation set")] = "mrr@10"
    sesoi: Annotated[
        float,
        Field(gt=0, le=1, description="smallest effect of interest, as a fraction of base's primary metric"),
    ] = 0.01
    budget: BudgetModel = BudgetModel()
    backbone: Annotated[
        BackboneModel,
        Field(description="per_seed (one for every replicate), shared (one for all) or {checkpoint: FILE} (that one)"),
    ] = BackboneModel(trained="per_seed")
    diagnostics: Annotated[
        DiagnosticsModel, Field(description="evidence on why an arm helps or not: off, light, full, or a mapping")
    ] = DiagnosticsModel()
    device: Annotated[
        Literal["auto", "cpu", "cuda"],
        Field(description="where the runs compute: auto is CUDA where torch can use it, else the CPU"),
    ] = "auto"
    on_inapplicable: Annotated[
        Literal["error", "skip"], Field(description="an arm that cannot act on this base: refuse the study or list it")
    ] = "error"
