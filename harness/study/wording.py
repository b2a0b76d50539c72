"""What pydantic finds wrong with a study file, in this project's words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, cast

from pydantic import BaseModel

from harness.errors import did_you_mean
from harness.study.models import (
    BackboneModel,
    BudgetModel,
    ColumnsModel,
    DataModel,
    DiagnosticsModel,
    StudyModel,
)
from harness.study.problems import Path, listing, show
from harness.study.search import SearchModel
from harness.study.stacks import FactorialModel, GreedyModel

_SYNONYMS = {"gpu": "cuda"}


def explain(kind: str, loc: Sequence[str | int], value: object) -> tuple[Path, str]:
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
