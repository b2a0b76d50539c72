"""Checks of a study file's values as a whole, with pydantic's errors explained in this project's words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, cast, get_args

from pydantic import ValidationError
from pydantic_core.core_schema import ErrorType

from harness.backbones.registry import BACKBONES
from harness.device import resolve_device
from harness.errors import EnvironmentProblem, did_you_mean
from harness.study.first_guesses import meant
from harness.study.grammar import StudyMode, StudyModel, study_model
from harness.study.mistakes import Path, Problem, listing, show
from harness.study.types import Overrides

Modes = Mapping[str, type[StudyMode]]
Schema = Mapping[str, Any]
Mistake = tuple[Path, str, str]
"""The path in the file, the code, and the message."""

PLACES: Mapping[str, Path] = {
    "replicates": ("replicates",),
    "epochs": ("budget", "epochs"),
    "patience": ("budget", "patience"),
    "seed": ("seed",),
    "device": ("device",),
}
"""Option of the command line -> the key that it replaces."""

_SYNONYMS = {"gpu": "cuda"}
_OF_PYDANTIC = frozenset(get_args(ErrorType))


def mistakes_in(raw: Mapping[str, object], modes: Modes) -> Iterator[Mistake]:
    """Every mistake that the grammar finds in a file's values."""
    mode = raw.get("mode", next(iter(modes)))
    for kind in modes.values():
        if kind.model_fields and kind.name in raw and mode != kind.name:
            said = f"only read in mode {kind.name}, but the mode is {show(mode)}; write  mode: {kind.name}"
            yield (kind.name,), "other_mode", said
    model = study_model(tuple(modes.values()))
    try:
        model.model_validate(raw)
    except ValidationError as error:
        schema = model.model_json_schema()
        for each in error.errors():
            loc = tuple(part for part in each["loc"] if part != "[key]")
            custom = each["type"] not in _OF_PYDANTIC
            code, message = (each["type"], each["msg"]) if custom else explain(each["type"], loc, each["input"], schema)
            yield _as_written(loc, raw), code, message


def mistakes_of(overrides: Overrides, modes: Modes) -> list[Problem]:
    """The mistakes of the options, each checked by the rule of the key that it replaces."""
    return [
        Problem(source=f"--{option}", code=code, message=message)
        for option, value in overrides.given().items()
        for _, code, message in mistakes_in(_put({"name": "x", "data": "x", "arms": {}}, PLACES[option], value), modes)
    ]


def checked(raw: Mapping[str, object], overrides: Overrides, modes: Modes) -> StudyModel:
    """The model of a file's valid values, with those of the command line in place."""
    for option, value in overrides.given().items():
        raw = _put(raw, PLACES[option], value)
    return study_model(tuple(modes.values())).model_validate(raw)


def changes(raw: Mapping[str, object], overrides: Overrides, modes: Modes) -> dict[str, object]:
    """The options whose value differs from the file's; ``device`` only if it is another device on this machine."""
    return _different(checked(raw, Overrides(), modes), checked(raw, overrides, modes), overrides)


def changes_alone(raw: Mapping[str, object], overrides: Overrides) -> dict[str, object]:
    """The same as :func:`changes` without the modes, from only the keys that options replace.

    Raises:
        ValidationError: one of these keys has a mistake.
    """
    keys = {str(place[0]) for place in PLACES.values()}
    own: Mapping[str, object] = {"name": "x", "data": "x", "arms": {}, **{key: raw[key] for key in keys if key in raw}}
    asked = own
    for option, value in overrides.given().items():
        asked = _put(asked, PLACES[option], value)
    return _different(StudyModel.model_validate(own), StudyModel.model_validate(asked), overrides)


def _different(file: StudyModel, here: StudyModel, overrides: Overrides) -> dict[str, object]:
    """The options whose values differ between two models."""
    plain, given = file.model_dump(), here.model_dump()
    found: dict[str, object] = {}
    for option, value in overrides.given().items():
        written: Any = plain
        asked: Any = given
        for key in PLACES[option]:
            written, asked = written[key], asked[key]
        if asked != written and not (option == "device" and _same_device(value, written)):
            found[option] = value
    return found


def _same_device(one: Any, two: Any) -> bool:
    try:
        return resolve_device(one) == resolve_device(two)
    except EnvironmentProblem:  # reported when the study is planned
        return False


def explain(kind: str, loc: Path, value: object, schema: Schema) -> tuple[str, str]:
    """The code and the message of a pydantic error: the value, what is allowed, and the nearest known word.

    Args:
        kind: pydantic's own name of the error.
        loc: the path of the value, with short forms spelled out.
        value: the value at that path.
        schema: the JSON schema of the whole file.
    """
    key = str(loc[-1]) if loc else ""
    if kind == "extra_forbidden":
        keys = _resolved(_at(schema, loc[:-1]), schema).get("properties", {})
        guess = meant(loc)
        known = f"{did_you_mean(key, keys)} (keys: {', '.join(keys)})"
        return "unknown_key", f"unknown key{f'; {guess}' if guess else known}"
    here = _at(schema, loc)
    allowed = _allowed(here)
    if kind == "missing":
        return "missing", f"missing; add  {key}: …  ({allowed})"
    if kind == "string_too_long" and isinstance(value, str):
        return "too_long", f"{len(value)} characters; give {allowed}"
    words = [each for each in _option(here).get("enum", ()) if isinstance(each, str)]
    hint = ""
    if isinstance(value, str):
        hint = did_you_mean(_SYNONYMS.get(value, value.lower()), words)
        if loc == ("backbone", "trained"):
            hint = f"; write  backbone: {{model: {value}}}" if value in BACKBONES else hint
            hint = hint or "; write {model: NAME} for another encoder, {checkpoint: FILE} for a file"
        if _option(here).get("type") == "array":
            hint = f"; write [{value}]"
    return "not_allowed", f"{show(value)} is not {allowed}{hint}"


def _at(schema: Schema, path: Path) -> Schema:
    """The JSON schema of the value at a path."""
    here = schema
    for part in path:
        inside = _resolved(here, schema)
        found: Schema | None = inside.get("items") if isinstance(part, int) else _under(inside, part)
        here = found or {}
    return here


def _under(here: Schema, key: str) -> Schema | None:
    """The schema of a key; in a mapping whose keys the file chooses, the schema of every value."""
    named, any_name = here.get("properties", {}).get(key), here.get("additionalProperties")
    return named or (cast("dict[str, Any]", any_name) if isinstance(any_name, dict) else None)


def _option(here: Schema) -> Schema:
    """The first alternative that is not null, where there are several."""
    return next((each for each in here.get("anyOf", ()) if each.get("type") != "null"), here)


def _resolved(here: Schema, schema: Schema) -> Schema:
    """The definition that a part of a schema refers to, or the part itself."""
    reference = _option(here).get("$ref")
    return schema["$defs"][reference.rpartition("/")[2]] if reference else here


def _allowed(here: Schema) -> str:
    """The allowed values in words."""
    here = {**here, **_option(here)}
    if "const" in here:
        return str(here["const"])
    if "enum" in here:
        return listing([str(each).replace("'", "") for each in here["enum"]])
    low, high = here.get("minimum", here.get("exclusiveMinimum")), here.get("maximum")
    bounds = f" in {'(' if 'exclusiveMinimum' in here else '['}{low:g}, {high}]" if low is not None else ""
    match here.get("type"):
        case "integer":
            return f"a whole number{bounds}"
        case "number":
            return f"a number{bounds}"
        case "string" if "maxLength" in here:
            return f"text of {'1 to' if here.get('minLength') else 'at most'} {here['maxLength']} characters"
        case "string":
            return "text"
        case "array":
            return "a list"
        case "object":
            return f"a mapping of keys to values: {here['description']}"
        case _:
            return str(here.get("description", "a mapping of keys to values"))


def _as_written(loc: Path, raw: object) -> Path:
    """The path as written: ``data: NAME`` is short for ``data: {name: NAME}``, a number for ``{most: NUMBER}``."""
    for depth, part in enumerate(loc):
        if isinstance(raw, str | int | float):
            return loc[:depth]
        raw = cast(Any, raw)[part] if _holds(raw, part) else None
    return loc


def _holds(raw: object, part: str | int) -> bool:
    if isinstance(part, int):
        return isinstance(raw, list) and part < len(cast(Sequence[object], raw))
    return isinstance(raw, dict) and part in raw


def _put(values: Mapping[str, object], path: Path, value: object) -> dict[str, object]:
    """The mapping with the value at a path."""
    key, *rest = path
    inner = cast(Mapping[str, object], values.get(str(key), {}))
    return {**values, str(key): _put(inner, tuple(rest), value) if rest else value}
