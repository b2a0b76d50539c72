"""RecBole's atomic ``.inter`` files: tab separated, under a header of ``name:type`` fields.

Source: the format is RecBole's (Zhao et al., CIKM 2021); the reader is our own.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from harness.data.events import Codes, Events, Times
from harness.data.text import LONGEST_ID, decode_lines, name_lines, shorten
from harness.errors import InputError, did_you_mean

_TYPES = ("token", "float", "token_seq", "float_seq")
_INTEGER = re.compile(r"[+-]?[0-9]{1,19}")
_DECIMAL = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]{1,3})?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Columns:
    """Which columns of an atomic file to read, by name without the type.

    Attributes:
        user, item: the columns of user and item ids.
        time: the column of numeric timestamps; None where the file's order is the order of time.
    """

    user: str = "user_id"
    item: str = "item_id"
    time: str | None = "timestamp"

    def __post_init__(self) -> None:
        names = [name for name in (self.user, self.item, self.time) if name is not None]
        if len(set(names)) < len(names):
            raise InputError(f"columns: {', '.join(names)}: user, item and time must be different columns")


def parse_atomic(content: bytes, path: Path, columns: Columns) -> Events:
    """The events of an atomic file, in the file's order.

    Raises:
        InputError: the header is malformed, a column is missing, a row has more or fewer fields than the header, an id
            is empty or far too long, or a timestamp is no finite number. ``path`` and the lines are named.
    """
    header, *rows = decode_lines(content, path)
    names = _column_names(header, path)
    if not rows:
        raise InputError(f"{path} has a header but no rows; it needs at least one interaction")
    ragged = [line for line, row in enumerate(rows, start=2) if row.count("\t") != len(names) - 1]
    if ragged:
        found = rows[ragged[0] - 2].count("\t") + 1
        raise InputError(
            f"{path}, {name_lines(ragged)}: {found} {_fields(found)} where the header names {len(names)}; "
            "separate all fields with single tabs"
        )
    cells = "\t".join(rows).split("\t")

    def column(name: str, option: str) -> list[str]:
        return cells[_position(name, option, names, path) :: len(names)]

    user, user_labels = _numbered(column(columns.user, "user"), columns.user, path)
    item, item_labels = _numbered(column(columns.item, "item"), columns.item, path)
    time = None if columns.time is None else _times(column(columns.time, "time"), columns.time, path)
    return Events(user=user, item=item, time=time, user_labels=user_labels, item_labels=item_labels)


def _column_names(header: str, path: Path) -> list[str]:
    """Names of the header, without types."""
    names: list[str] = []
    for field in header.split("\t"):
        name, colon, kind = field.rpartition(":")
        if not colon or ":" in name or kind not in _TYPES:
            raise InputError(
                f"{path}, line 1: the header field {shorten(field)} is not name:type with a type of "
                f"{', '.join(_TYPES)}; the first line must be such as "
                "user_id:token<TAB>item_id:token<TAB>timestamp:float"
            )
        if name in names:
            raise InputError(f"{path}, line 1: the column {shorten(name)} occurs twice; rename one")
        names.append(name)
    return names


def _position(name: str, option: str, names: Sequence[str], path: Path) -> int:
    if name not in names:
        without = ", or set it to null to take the file's order" if option == "time" else ""
        raise InputError(
            f"{path} has no column {shorten(name)}{did_you_mean(name, names)}; it has {', '.join(names)}; "
            f"name the right one under data: columns: {option}{without}"
        )
    return names.index(name)


def _numbered(values: list[str], name: str, path: Path) -> tuple[Codes, list[str]]:
    """Ids as numbers from 0 in order of first appearance, and the ids by number."""
    if "" in values:
        empty = [line for line, value in enumerate(values, start=2) if not value]
        raise InputError(f"{path}, {name_lines(empty)}: the column {name} is empty; give every row an id")
    long = [line for line, value in enumerate(values, start=2) if len(value) > LONGEST_ID]
    if long:
        raise InputError(
            f"{path}, {name_lines(long)}: the column {name} holds {len(values[long[0] - 2])} characters; give ids of "
            f"at most {LONGEST_ID}"
        )
    codes, labels = pd.factorize(np.array(values, dtype=object))
    return codes.astype(np.int64), [str(label) for label in labels]


def _times(values: list[str], name: str, path: Path) -> Times:
    """Timestamps, as integers where all are, since a float64 would tie neighbouring nanoseconds."""
    if all(_INTEGER.fullmatch(value) for value in values):
        integers = [int(value) for value in values]
        if max(map(abs, integers)) < 2**63:
            return np.array(integers, dtype=np.int64)
    bad = [line for line, value in enumerate(values, start=2) if not _DECIMAL.fullmatch(value)]
    if not bad:
        times = np.array([float(value) for value in values], dtype=np.float64)
        bad = (np.flatnonzero(~np.isfinite(times)) + 2).tolist()
        if not bad:
            return times
    raise InputError(
        f"{path}, {name_lines(bad)}: the {name} {shorten(values[bad[0] - 2])} is not a number; "
        "give timestamps as numbers, such as seconds since 1970"
    )


def _fields(count: int) -> str:
    return "field" if count == 1 else "fields"
