"""The schema of a study file: one pydantic model for reading, and from it the JSON schema that editors use."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any, Literal, cast

from pydantic import BaseModel, ConfigDict, Field, ValidationError, WithJsonSchema

from harness.diagnostics.catalogue import CHECKS
from harness.errors import did_you_mean
from harness.interventions.base import MOST_EPOCHS, Domain, Intervention
from harness.metrics import METRICS
from harness.studyfile.problems import Path, listing, show
from harness.studyfile.search import SearchModel
from harness.studyfile.stacks import FactorialModel, GreedyModel, misplaced, schema_rules

SCHEMA_DIALECT = "https://json-schema.org/draft/2020-12/schema"

_SYNONYMS = {"gpu": "cuda"}


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


class DataModel(_Model):
    """Where the interactions come from."""

    name: Annotated[str | None, Field(max_length=200, description="a named data set, such as ml-100k")] = None
    path: Annotated[
        str | None, Field(min_length=1, max_length=4000, description="a file; relative to the study file's folder")
    ] = None
    format: Annotated[
        Literal["recbole", "sequences"] | None,
        Field(
            description="recbole: .inter with a typed header; sequences: 'user item item ...' a line; "
            "left out: told by the suffix, .inter or .txt"
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
        WithJsonSchema(
            {
                "type": "object",
                "propertyNames": {"enum": [check.code for check in CHECKS]},
                "additionalProperties": {"type": "string", "minLength": 1},
            }
        ),
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
    primary: Annotated[
        str, WithJsonSchema({"enum": list(METRICS)}), Field(description="the metric that ranks the arms, on test")
    ] = "ndcg@10"
    checkpoint: Annotated[
        str, WithJsonSchema({"enum": list(METRICS)}), Field(description="the metric that chooses the epoch, on valid")
    ] = "mrr@10"
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


def check(raw: Mapping[str, object]) -> tuple[StudyModel | None, list[tuple[Path, str]]]:
    """The model of a file's values, or every mistake as its place and what to do."""
    values = {key: _spelled_out(key, value) for key, value in raw.items()}
    data = read_data(raw.get("data"))
    problems = list(_data_problems(data)) if data else []
    backbone = read_backbone(raw.get("backbone", "per_seed"))
    if backbone is not None and (backbone.trained is None) == (backbone.checkpoint is None):
        found = "neither" if backbone.trained is None else "both"
        problems.append((("backbone",), f"needs either per_seed or shared, or checkpoint: FILE, has {found}"))
    elif backbone is not None and backbone.checkpoint is not None and "n_sampled" in backbone.model_fields_set:
        problems.append((("backbone", "n_sampled"), "a backbone from a file is not trained here; remove this line"))
    problems += misplaced(raw)
    for key in ("primary", "checkpoint"):
        metric = values.get(key, METRICS[0])
        if not isinstance(metric, str) or metric not in METRICS:
            del values[key]
            hint = did_you_mean(metric.lower(), METRICS) if isinstance(metric, str) else ""
            problems.append(((key,), f"{show(metric)} is not {listing(METRICS)}{hint}"))
    try:
        model = StudyModel.model_validate(values)
    except ValidationError as error:
        found = [_explain(each["type"], each["loc"], each["input"]) for each in error.errors()]
        return None, problems + [(_as_written(path, raw), message) for path, message in found]
    return (None if problems else model), problems


def read_data(raw: object) -> DataModel | None:
    """The ``data`` part by itself, so that its mistakes show beside those of the rest; None where it has no shape."""
    try:
        return DataModel.model_validate(_spelled_out("data", raw))
    except ValidationError:
        return None


def read_diagnostics(raw: object) -> DiagnosticsModel | None:
    """The ``diagnostics`` part by itself; None where it has no shape."""
    try:
        return DiagnosticsModel.model_validate(_spelled_out("diagnostics", raw))
    except ValidationError:
        return None


def read_backbone(raw: object) -> BackboneModel | None:
    """The ``backbone`` part by itself; None where it has no shape."""
    try:
        return BackboneModel.model_validate(_spelled_out("backbone", raw))
    except ValidationError:
        return None


_SHORT = {"data": "name", "diagnostics": "level", "backbone": "trained"}
"""Keys whose mapping may be written as one word, and the key in it that the word stands for."""


def _spelled_out(key: str, value: object) -> object:
    return {_SHORT[key]: value} if key in _SHORT and isinstance(value, str) else value


def _as_written(path: Path, raw: Mapping[str, object]) -> Path:
    """The place in the file: ``data: NAME`` is short for ``data: {name: NAME}``."""
    return path[:1] if path and path[0] in _SHORT and isinstance(raw.get(str(path[0])), str) else path


def _data_problems(data: DataModel) -> Iterator[tuple[Path, str]]:
    if (data.name is None) == (data.path is None):
        found = "neither" if data.name is None else "both"
        yield ("data",), f"needs either name (a named data set) or path (a file), has {found}"
    elif data.name is not None and data.format is not None:
        yield ("data", "format"), "a named data set has its own format; remove this line"
    if data.columns is not None and (data.name is not None or data.format == "sequences"):
        yield ("data", "columns"), "only a file of format recbole has columns to name; remove this line"


def _explain(kind: str, loc: Sequence[str | int], value: object) -> tuple[Path, str]:
    """A pydantic error in this project's words: the value, what is allowed, and the nearest known word."""
    path = tuple(loc)
    fields = _fields_at(path[:-1])
    key = str(path[-1]) if path else ""
    if kind == "extra_forbidden":
        return path, f"unknown key{did_you_mean(key, fields)} (keys: {', '.join(fields)})"
    allowed = _allowed(fields.get(key, {}))
    if kind == "missing":
        return path, f"missing; add  {key}: …  ({allowed})"
    words = _words(fields.get(key, {}))
    hint = did_you_mean(_SYNONYMS.get(value, value), words) if isinstance(value, str) else ""
    if path == ("backbone", "trained") and isinstance(value, str) and not hint:
        hint = "; a file is named as {checkpoint: FILE}"
    if kind == "string_too_long" and isinstance(value, str):
        return path, f"{len(value)} characters; give {allowed}"
    return path, f"{show(value)} is not {allowed}{hint}"


_PARTS: Mapping[str, type[BaseModel]] = {
    "data": DataModel,
    "columns": ColumnsModel,
    "budget": BudgetModel,
    "search": SearchModel,
    "factorial": FactorialModel,
    "greedy": GreedyModel,
    "diagnostics": DiagnosticsModel,
    "backbone": BackboneModel,
}


def _fields_at(path: Path) -> dict[str, dict[str, Any]]:
    """The JSON schema of each key of the mapping at a path."""
    model: type[BaseModel] = StudyModel
    for part in path:
        model = _PARTS[str(part)]
    return model.model_json_schema()["properties"]


def _words(schema: Mapping[str, Any]) -> Sequence[str]:
    """The words that a JSON schema allows."""
    options = [schema, *schema.get("anyOf", ())]
    return next((cast(Sequence[str], option["enum"]) for option in options if "enum" in option), ())


def _allowed(schema: Mapping[str, Any]) -> str:
    """The allowed values in words, from a JSON schema."""
    for option in schema.get("anyOf", ()):
        if option.get("type") != "null":
            return _allowed(option)
    if "const" in schema:
        return str(schema["const"])
    if "enum" in schema:
        return listing([str(each) for each in schema["enum"]])
    low, high = schema.get("minimum", schema.get("exclusiveMinimum")), schema.get("maximum")
    bounds = f" in {'(' if 'exclusiveMinimum' in schema else '['}{low:g}, {high}]" if low is not None else ""
    match schema.get("type"):
        case "integer":
            return f"a whole number{bounds}"
        case "number":
            return f"a number{bounds}"
        case "string":
            low = "1 to" if schema.get("minLength") else "at most"
            return f"text of {low} {schema['maxLength']} characters"
        case _:
            return str(schema.get("description", "a mapping of keys to values"))


def json_schema(catalogue: Mapping[str, type[Intervention]]) -> dict[str, Any]:
    """The JSON schema of a study file, each known intervention with its typed parameters."""
    schema = StudyModel.model_json_schema()
    schema["$schema"] = SCHEMA_DIALECT
    schema["title"] = "ftr-study study file"
    data = schema["properties"]["data"]
    schema["properties"]["data"] = {
        "description": data["description"],
        "anyOf": [{"type": "string", "minLength": 1, "maxLength": 200}, {"$ref": "#/$defs/DataModel"}],
    }
    for key, definition in (("arms", "arms"), ("base", "plain_stack")):
        schema["properties"][key] = {**schema["properties"][key], "$ref": f"#/$defs/{definition}"}
    evidence = schema["properties"]["diagnostics"]
    schema["properties"]["diagnostics"] = {
        "description": evidence["description"],
        "anyOf": [schema["$defs"]["DiagnosticsModel"]["properties"]["level"], {"$ref": "#/$defs/DiagnosticsModel"}],
    }
    backbone = schema["properties"]["backbone"]
    schema["properties"]["backbone"] = {
        "description": backbone["description"],
        "anyOf": [{"enum": ["per_seed", "shared"]}, {"$ref": "#/$defs/BackboneModel"}],
    }
    schema["$defs"]["BackboneModel"]["oneOf"] = [
        {"required": ["trained"], "properties": {"trained": {"type": "string"}}},
        {"required": ["checkpoint"], "properties": {"checkpoint": {"type": "string"}, "n_sampled": False}},
    ]
    schema["allOf"] = schema_rules()
    schema["$defs"] |= {
        "arms": {
            "type": "object",
            "propertyNames": {"not": {"enum": ["base", "a/a"]}, "minLength": 1, "maxLength": 100},
            "additionalProperties": {"$ref": "#/$defs/stack"},
        },
        "id": {
            "oneOf": [
                {"const": each.id, "title": each.title, "description": _sentence(each)} for each in catalogue.values()
            ]
        },
        **_stack_schemas("stack", "remedy", catalogue, grid=True),
        **_stack_schemas("plain_stack", "plain_remedy", catalogue, grid=False),
    }
    return schema


def _stack_schemas(
    stack: str, remedy: str, catalogue: Mapping[str, type[Intervention]], *, grid: bool
) -> dict[str, Any]:
    one = {"$ref": f"#/$defs/{remedy}"}
    many: dict[str, Any] = {"type": "array", "items": one}
    return {
        stack: {"anyOf": [one, {**many, "minItems": 1} if grid else many]},
        remedy: {
            "anyOf": [
                {"$ref": "#/$defs/id"},
                {
                    "type": "object",
                    "minProperties": 1,
                    "maxProperties": 1,
                    "additionalProperties": False,
                    "properties": {each.id: _remedy_schema(each, grid=grid) for each in catalogue.values()},
                },
            ]
        },
    }


def _remedy_schema(kind: type[Intervention], *, grid: bool) -> dict[str, Any]:
    properties: dict[str, Any] = {}
    defaults = kind.defaults()
    for name, domain in kind.domains().items():
        value = _domain_schema(domain)
        shape = {"anyOf": [value, {"type": "array", "minItems": 1, "items": value}]} if grid else value
        default = defaults[name]
        shown = list(default) if isinstance(default, tuple) else default
        properties[name] = {**shape, "description": domain.meaning, "default": shown}
    return {
        "type": ["object", "null"],
        "additionalProperties": False,
        "properties": properties,
        "description": _sentence(kind),
    }


def _domain_schema(domain: Domain) -> dict[str, Any]:
    bounds = {"minimum": domain.low, "maximum": domain.high}
    finite = {word: bound for word, bound in bounds.items() if abs(bound) != float("inf")}
    if domain.span:
        epochs = f"^({'0|' if domain.low <= 0 else ''}[1-9][0-9]{{0,3}}|{MOST_EPOCHS})ep$"
        words = [{"enum": list(domain.choices)}] if domain.choices else []
        return {"anyOf": [{"type": "number", **finite}, {"type": "string", "pattern": epochs}, *words]}
    if domain.choices:
        return {"enum": list(domain.choices)}
    if domain.kind is tuple:
        return {"type": "array", "minItems": 1, "uniqueItems": True, "items": {"type": "integer", **finite}}
    names = {bool: "boolean", int: "integer", float: "number", str: "string"}
    return {"type": names[domain.kind], **(finite if domain.kind in (int, float) else {})}


def _sentence(kind: type[Intervention]) -> str:
    return " ".join((kind.__doc__ or kind.title).strip().partition("\n\n")[0].split()).replace("``", "")
