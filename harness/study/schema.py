"""The JSON schema of a study file, for editors."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from harness.checks.catalogue import codes
from harness.interventions.base import Intervention
from harness.study.arms import Lists
from harness.study.grammar import StudyMode, StudyModel, study_model
from harness.study.parts import ShortPart

SCHEMA_DIALECT = "https://json-schema.org/draft/2020-12/schema"


def json_schema(catalogue: Mapping[str, type[Intervention]], modes: Mapping[str, type[StudyMode]]) -> dict[str, Any]:
    """The JSON schema of a study file, each known intervention with its typed parameters, each mode with its part."""
    schema = study_model(tuple(modes.values())).model_json_schema()
    schema["$schema"] = SCHEMA_DIALECT
    schema["title"] = "ftr-study study file"
    for key, field in StudyModel.model_fields.items():
        kind = field.annotation
        if isinstance(kind, type) and issubclass(kind, ShortPart):
            mapping: dict[str, Any] = schema["$defs"][kind.__name__]
            word = mapping["properties"][kind.short]
            short = next((each for each in word.get("anyOf", ()) if each.get("type") != "null"), word)
            schema["properties"][key] = {
                "description": field.description,
                "anyOf": [short, {"$ref": f"#/$defs/{kind.__name__}"}],
            }
    for key, definition in (("arms", "arms"), ("base", "plain_stack")):
        schema["properties"][key] = {**schema["properties"][key], "$ref": f"#/$defs/{definition}"}
    schema["$defs"]["DiagnosticsModel"]["properties"]["mute"]["propertyNames"] = {"enum": list(codes())}
    schema["$defs"]["BackboneModel"]["oneOf"] = [
        {"required": ["trained"], "properties": {"trained": {"type": "string"}}},
        {"required": ["checkpoint"], "properties": {"checkpoint": {"type": "string"}, "n_sampled": False}},
    ]
    schema["allOf"] = _rules_of(modes)
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


def _rules_of(modes: Mapping[str, type[StudyMode]]) -> list[dict[str, Any]]:
    """A mode's part needs that mode, the arms of some have one setting each, and some have a fixed number of seeds."""
    rules: list[dict[str, Any]] = [
        {"if": {"required": [name]}, "then": {"required": ["mode"], "properties": {"mode": {"const": name}}}}
        for name, mode in modes.items()
        if mode.model_fields
    ]
    single = [name for name, mode in modes.items() if mode.lists is Lists.REFUSED]
    chosen = {"required": ["mode"], "properties": {"mode": {"enum": single}}}
    arms = {"minProperties": 2, "additionalProperties": {"$ref": "#/$defs/plain_stack"}}
    rules.append({"if": chosen, "then": {"properties": {"arms": arms}}})
    fixed = {
        "required": ["mode"],
        "properties": {"mode": {"enum": [n for n, mode in modes.items() if mode.fixed_seeds]}},
    }
    return [*rules, {"if": fixed, "then": {"properties": {"replicates": {"type": "integer"}}}}]


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
        value = domain.schema()
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


def _sentence(kind: type[Intervention]) -> str:
    return " ".join((kind.__doc__ or kind.title).strip().partition("\n\n")[0].split()).replace("``", "")
