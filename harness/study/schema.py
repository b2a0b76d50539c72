"""The JSON schema of a study file, for editors."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from harness.checks.catalogue import CHECKS
from harness.interventions.base import Intervention
from harness.results.metrics import METRICS, names_pattern
from harness.study.models import StudyModel
from harness.study.stacks import schema_rules

SCHEMA_DIALECT = "https://json-schema.org/draft/2020-12/schema"


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
    for key in ("primary", "checkpoint"):
        schema["properties"][key]["anyOf"] = [{"enum": list(METRICS)}, {"type": "string", "pattern": names_pattern()}]
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
    schema["$defs"]["DiagnosticsModel"]["properties"]["mute"]["propertyNames"] = {"enum": list(CHECKS)}
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
