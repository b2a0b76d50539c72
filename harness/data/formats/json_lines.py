"""JSON lines: one object per line, read by Arrow with the types of the first line."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import cast

import pyarrow as pa
from pyarrow import json as arrow_json

from harness.data.events import Events
from harness.data.formats.base import Columns, DataFormat
from harness.data.formats.naming import choose
from harness.data.formats.table import events_of
from harness.data.text import checked_text, name_lines, shorten
from harness.errors import InputError

_WORDS = {"string": "text", "int64": "a whole number", "double": "a number"}
_LARGEST_BLOCK = 2**31 - 1


class JsonLines(DataFormat):
    """One interaction per line, such as ``{"user_id": "ann", "item_id": 7, "timestamp": 1404172800}``."""

    name = "jsonl"
    title = "JSON lines"
    suffixes = (".jsonl", ".ndjson", ".json")
    has_columns = True

    def read(self, content: bytes, path: Path, columns: Columns) -> Events:
        content = checked_text(content, path)
        lines = [number for number, line in enumerate(content.split(b"\n"), start=1) if line.strip()] or [1]
        first = _object(content.split(b"\n", lines[0])[lines[0] - 1], lines[0], path)
        chosen, read_as = choose(columns, list(first), path)
        wanted = [name for name in (chosen.user, chosen.item, chosen.time) if name is not None]
        types = {name: _type_of(first[name], name, path) for name in wanted}
        table = _read(content, types)
        if table is None and chosen.time is not None and types[chosen.time] == pa.int64():
            types[chosen.time] = pa.float64()
            table = _read(content, types)
        if table is None:
            raise _explained(content, types, path)

        def where(rows: Sequence[int]) -> str:
            if table.num_rows != len(lines):  # Arrow accepts several objects on one line, and one on several lines
                return f"{path}, {name_lines([row + 1 for row in rows], 'object')}"
            return f"{path}, {name_lines([lines[row] for row in rows])}"

        return events_of({name: table.column(name) for name in wanted}, chosen, where, read_as, names=list(first))


def _read(content: bytes, types: Mapping[str, pa.DataType]) -> pa.Table | None:
    """Return the columns; None if a line is not an object or a value has a different type."""
    longest = min(_LARGEST_BLOCK, max(2**22, len(content)))
    for block in sorted({2**22, longest}):
        try:
            return arrow_json.read_json(
                pa.BufferReader(content),
                arrow_json.ReadOptions(block_size=block),
                arrow_json.ParseOptions(explicit_schema=pa.schema(types.items()), unexpected_field_behavior="ignore"),
            )
        except pa.ArrowException as problem:
            if "straddling" not in str(problem):
                return None
    return None


def _object(line: bytes, number: int, path: Path) -> dict[str, object]:
    try:
        row = json.loads(line)
    except (ValueError, RecursionError):
        row = None
    if isinstance(row, dict):
        return cast("dict[str, object]", row)
    array = number == 1 and line.lstrip()[:1] == b"["
    found = "an array" if array else "no JSON object"
    raise InputError(
        f"{path}, line {number}: {found}, read as JSON lines; write one object a line, without a list around"
    )


def _type_of(value: object, name: str, path: Path) -> pa.DataType:
    if isinstance(value, str):
        return pa.string()
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return pa.int64() if isinstance(value, int) else pa.float64()
    raise InputError(
        f"{path}, line 1: the column {name} holds {shorten(json.dumps(value))}, which is neither text nor a number; "
        "name a column with one value a line under data: columns"
    )


def _explained(content: bytes, types: Mapping[str, pa.DataType], path: Path) -> InputError:
    """Explain Arrow's error: the first line that is not an object, or has too large a number or a different type."""
    n_fit, n_unlike = dict.fromkeys(types, 0), dict.fromkeys(types, 0)
    first: dict[str, tuple[int, object]] = {}
    odd: dict[str, tuple[int, object]] = {}
    for number, line in enumerate(content.split(b"\n"), start=1):
        if not line.strip():
            continue
        try:
            row = _object(line, number, path)
        except InputError as problem:
            return problem
        for name, kind in types.items():
            value = row.get(name)
            if value is None:
                continue
            if isinstance(value, int) and kind == pa.int64() and not -(2**63) <= value < 2**63:
                return InputError(
                    f"{path}, line {number}: the column {name} holds {shorten(str(value))}, a number of more than 64 "
                    "bits; write it as text"
                )
            first.setdefault(name, (number, value))
            fits = str if kind == pa.string() else int if kind == pa.int64() else (int, float)
            if isinstance(value, fits) and not isinstance(value, bool):
                n_fit[name] += 1
            else:
                n_unlike[name] += 1
                odd.setdefault(name, (number, value))
    for name, (number, value) in sorted(odd.items(), key=lambda each: each[1][0]):
        other, usual = first[name]
        found = _WORDS[str(types[name])]
        if n_unlike[name] > n_fit[name]:  # the first line is the odd one
            number, value, other, found = other, usual, number, shorten(json.dumps(value))
        return InputError(
            f"{path}, line {number}: the column {name} holds {shorten(json.dumps(value))}, and line {other} {found}; "
            "write all its values in one type"
        )
    return InputError(f"{path} cannot be read as JSON lines; write one plain object a line, each key once")
