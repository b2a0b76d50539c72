"""Parts of a study file: the data, the backbone and the diagnostics, as pydantic models."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal, LiteralString, Self, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    ValidationInfo,
    WithJsonSchema,
    field_validator,
    model_validator,
)
from pydantic_core import PydanticCustomError

from harness.checks.catalogue import codes
from harness.checks.places import Kind
from harness.data.formats import FORMATS
from harness.data.formats.base import GUESSED
from harness.data.protocol import AtTest, History, Protocol, Reach
from harness.errors import InputError, did_you_mean
from harness.results.metrics import METRICS, check_metric, names_pattern
from harness.study.mistakes import show

LONGEST_REASON = 500

MOST_TARGETS = 100

MOST_SAMPLED = 65_536
"""A step holds this many logits for each of its about 800 targets: 200 MB."""


def refusal(code: LiteralString, message: str) -> PydanticCustomError:
    """The error that a validator raises for a rule that no bound or list of words can express."""
    return PydanticCustomError(code, "{message}", {"message": message})


class Part(BaseModel):
    """A mapping of a study file."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)


SomePart = TypeVar("SomePart", bound=Part)


class ShortPart(Part):
    """A mapping that may be written as one word, or as one number.

    Attributes:
        short: the key that the short form sets.
        spelt: types of the short form.
        implied: values of the other keys that the short form sets.
    """

    short: ClassVar[str]
    spelt: ClassVar[tuple[type, ...]] = (str,)
    implied: ClassVar[Mapping[str, object]] = {}

    @model_validator(mode="before")
    @classmethod
    def _spelled_out(cls, value: object) -> object:
        return {**cls.implied, cls.short: value} if isinstance(value, cls.spelt) else value


def _no_default(schema: dict[str, Any]) -> None:
    schema.pop("default", None)


_Column = Field(min_length=1, max_length=200, json_schema_extra=_no_default)


class ColumnsModel(Part):
    """Which column of an interaction file holds what, by the name in its header; those left out are guessed."""

    user: Annotated[str, _Column, Field(description="user column")] = GUESSED
    item: Annotated[str, _Column, Field(description="item column")] = GUESSED
    time: Annotated[
        str | None,
        _Column,
        Field(description="timestamp column, numbers or ISO 8601 dates; null if rows are in order of time"),
    ] = GUESSED


def _known_format(name: str | None) -> str | None:
    if name is not None:
        FORMATS.find(name)
    return name


def _list_formats(schema: dict[str, Any]) -> None:
    schema["anyOf"][0] = {"enum": list(FORMATS), "type": "string"}


class DataModel(ShortPart):
    """Where the interactions come from."""

    short: ClassVar[str] = "name"

    name: Annotated[str | None, Field(max_length=200, description="a named data set, such as ml-100k")] = None
    path: Annotated[
        str | None, Field(min_length=1, max_length=4000, description="a file; relative to the study file's folder")
    ] = None
    format: Annotated[
        str | None,
        AfterValidator(_known_format),
        Field(
            json_schema_extra=_list_formats,
            description="default: from the suffix; sequences: 'user item item ...' per line; pairs: 'user item' per "
            "line; movielens: user::item::rating::time, no header; recbole: .inter with a typed header (docs/data.md)",
        ),
    ] = None
    columns: ColumnsModel | None = None
    sep: Annotated[
        str | None,
        Field(min_length=1, max_length=8, pattern=r'^[^"\r\n]+$', description="field separator of a text table"),
    ] = None
    min_interactions: Annotated[
        int, Field(ge=1, le=1000, description="users and items with fewer interactions are dropped, repeatedly")
    ] = 5

    @field_validator("format", "sep")
    @classmethod
    def _belongs_to_a_file(cls, value: str | None, info: ValidationInfo) -> str | None:
        if value is not None and info.data.get("name") is not None and info.data.get("path") is None:
            raise refusal("format_of_named", "a named data set has its own format; leave it out")
        return value

    @field_validator("columns")
    @classmethod
    def _has_columns(cls, value: ColumnsModel | None, info: ValidationInfo) -> ColumnsModel | None:
        data_format = info.data.get("format")
        named = info.data.get("name") is not None or (data_format is not None and not FORMATS[data_format].has_columns)
        if value is not None and named:
            raise refusal("no_columns", "this data has no columns to name; leave it out")
        return value

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        if (self.name is None) == (self.path is None):
            found = "neither" if self.name is None else "both"
            raise refusal("one_of_two", f"needs either name (a named data set) or path (a file), but has {found}")
        return self


def _known_check(code: str) -> str:
    if code not in codes():
        raise refusal("unknown_check", f"unknown check {show(code)}{did_you_mean(code, codes())} ({Kind.CHECK.index})")
    return code


def _said(reason: object) -> object:
    if not isinstance(reason, str) or not reason.strip() or len(reason) > LONGEST_REASON:
        found = f"{len(reason)} characters" if isinstance(reason, str) and reason.strip() else show(reason)
        why = f"give 1 to {LONGEST_REASON} characters, which the report prints"
        raise refusal("no_reason", f"{found} is not a reason; {why}")
    return reason


class DiagnosticsModel(ShortPart):
    """Evidence that is measured in addition to the metrics."""

    short: ClassVar[str] = "level"

    level: Annotated[
        Literal["off", "light", "full"],
        Field(description="off; light: a sample, under a tenth of a run's time; full: a larger one at every epoch"),
    ] = "light"
    arms: Annotated[
        list[str] | None,
        WithJsonSchema({"type": "array", "items": {"type": "string"}}),
        Field(description="arms that are diagnosed, each in its first replicate, in addition to base; default: all"),
    ] = None
    mute: Annotated[
        dict[Annotated[str, AfterValidator(_known_check)], Annotated[str, BeforeValidator(_said)]] | None,
        WithJsonSchema({"type": "object", "additionalProperties": {"type": "string", "minLength": 1}}),
        Field(description="checks to mute, by code, each with a reason, which the report prints"),
    ] = None


class ProtocolModel(Part):
    """How the study measures, for every row alike."""

    targets: Annotated[
        int, Field(ge=1, le=MOST_TARGETS, description="test targets per user, the last events; 1: leave-one-out")
    ] = 1
    valid_targets: Annotated[
        int, Field(ge=1, le=MOST_TARGETS, description="validation targets per user, the events before them")
    ] = 1
    history: Annotated[
        Literal["rank", "hide"],
        Field(description="rank: items of the user's history are candidates, as in RecBole; hide: they are not"),
    ] = "rank"
    memory: Annotated[
        Literal["any", "past"],
        Field(description="past: a query sees only memory entries older than its own event; needs timestamps"),
    ] = "any"
    at_test: Annotated[
        Literal["train", "train+valid"], Field(description="what the memory holds while the test set is scored")
    ] = "train"

    def protocol(self) -> Protocol:
        """The engine's protocol with these values."""
        return Protocol(
            targets=self.targets,
            valid_targets=self.valid_targets,
            history=History(self.history),
            memory=Reach(self.memory),
            at_test=AtTest(self.at_test),
        )


class BackboneModel(ShortPart):
    """Which backbones the runs fine-tune."""

    short: ClassVar[str] = "trained"

    trained: Annotated[
        Literal["per_seed", "shared"] | None, Field(description="a backbone for every replicate, or one for all")
    ] = None
    model: Annotated[
        str | dict[str, dict[str, Any] | None] | None,
        Field(description="the backbone that is trained, such as gru4rec or {gru4rec: {dropout: 0.2}}; default duorec"),
    ] = None
    checkpoint: Annotated[
        str | None,
        Field(
            min_length=1,
            max_length=4000,
            description="a file from ftr-study import-checkpoint, or a trained backbone, for all replicates; relative "
            "to the study file's folder",
        ),
    ] = None
    n_sampled: Annotated[
        int,
        Field(
            ge=0,
            le=MOST_SAMPLED,
            description="negatives per training step of a sampled softmax; 0: softmax over all items",
        ),
    ] = 0

    @field_validator("n_sampled")
    @classmethod
    def _is_trained(cls, value: int, info: ValidationInfo) -> int:
        if info.data.get("checkpoint") is not None and info.data.get("trained") is None:
            raise refusal("not_trained", "a backbone from a file is not trained here; leave it out")
        return value

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        if self.checkpoint is not None and self.model is not None:
            raise refusal("one_of_two", "a checkpoint determines the model; remove model or checkpoint")
        if self.model is None and (self.trained is None) == (self.checkpoint is None):
            found = "none" if self.trained is None else "two"
            raise refusal("one_of_two", f"needs one of per_seed, shared or checkpoint: FILE, but has {found}")
        return self


def known_metric(name: object) -> object:
    """The name of a metric, checked.

    Raises:
        PydanticCustomError: no metric per user has this name.
    """
    if not isinstance(name, str):
        raise refusal("not_allowed", f"{show(name)} is not the name of a metric; write one such as ndcg@10")
    try:
        check_metric(name)
    except InputError as problem:
        raise refusal("unknown_metric", str(problem)) from None
    return name


def list_metrics(schema: dict[str, Any]) -> None:
    """Describe the name of a metric in a JSON schema."""
    schema |= {"anyOf": [{"enum": list(METRICS)}, {"type": "string", "pattern": names_pattern()}], "type": "string"}
    if schema.get("default", "") is None:
        del schema["default"]


class ExpectedModel(Part):
    """What is expected of an arm against base."""

    rule: Annotated[str, Field(min_length=1, max_length=200, description=f"the rule's name ({Kind.NEXT_RULE.index})")]
    verdict: Annotated[
        Literal["better", "moves", "equivalent"],
        Field(description="better than base; moves: the ranks differ from base's; equivalent: no relevant difference"),
    ]
    gain: Annotated[float | None, Field(description="predicted difference from base in metric; default: none")] = None
    metric: Annotated[
        str,
        BeforeValidator(known_metric),
        Field(json_schema_extra=list_metrics, description="the metric of gain"),
    ] = "ndcg@10"


class FollowsModel(Part):
    """The study that this one follows, and what it expects; the report compares each expectation with the outcome."""

    study: Annotated[str, Field(min_length=1, max_length=200, description="the name of the earlier study")]
    rule: Annotated[
        str | None,
        Field(min_length=1, max_length=200, description=f"rule that wrote it ({Kind.NEXT_RULE.index}); default: none"),
    ] = None
    expects: Annotated[dict[str, ExpectedModel], Field(description="arm of this file -> what is expected of it")] = {}


def read_part(kind: type[SomePart], value: object) -> SomePart | None:
    """One part, read by itself so that its mistakes do not hide those of other parts; None if it has mistakes."""
    try:
        return kind.model_validate(value)
    except ValidationError:
        return None
