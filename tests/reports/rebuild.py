"""A report from its JSON alone, to prove that nothing else is in the page."""

from __future__ import annotations

import dataclasses
import types
from collections.abc import Mapping
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from reports.sections.registry import in_page_order
from reports.sections.report import Report


def rebuild_report(said: Mapping[str, Any]) -> Report:
    """A report from what ``report.json`` holds."""
    own = {field.name for field in dataclasses.fields(Report)} - {"models"}
    hints = get_type_hints(Report)
    values = {name: rebuild(hints[name], said[name]) for name in own}
    models = {
        section.id: None if said[section.id] is None else rebuild(section.model, said[section.id])
        for section in in_page_order()
        if section.model is not None
    }
    assert set(said) == own | set(models)
    return Report(**values, models=models)


def rebuild(kind: Any, value: Any) -> Any:
    """The value of that type whose JSON is `value`: dataclasses, tuples, mappings and what is optional."""
    if dataclasses.is_dataclass(kind):
        hints = get_type_hints(kind)
        return kind(**{name: rebuild(hints[name], item) for name, item in value.items()})  # type: ignore[operator]
    origin, inner = get_origin(kind), get_args(kind)
    if origin in (Union, types.UnionType):
        if value is None:
            return None
        kinds = [each for each in inner if each is not type(None)]
        return rebuild(kinds[0], value) if len(kinds) == 1 else value
    if origin is tuple:
        if inner[-1] is Ellipsis:
            return tuple(rebuild(inner[0], item) for item in value)
        return tuple(rebuild(each, item) for each, item in zip(inner, value, strict=True))
    if origin is not None and origin is not Literal and issubclass(origin, Mapping):
        return {_key(inner[0], key): rebuild(inner[1], item) for key, item in value.items()}
    return value


def _key(kind: Any, key: str) -> Any:
    return int(key) if kind is int else key
