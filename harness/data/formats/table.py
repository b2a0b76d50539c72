"""Events from the columns of a table: ids and timestamps from text or typed columns, checked row by row."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from harness.data.events import Codes, Events
from harness.data.formats.base import Columns
from harness.data.formats.naming import choose, other_column
from harness.data.formats.times import Where, read_times
from harness.data.text import LONGEST_ID, name_lines, shorten
from harness.errors import InputError

MISSING = frozenset(
    ("nan", "NaN", "-nan", "<NA>", "NA", "N/A", "n/a", "#N/A", "#NA", "NaT", "None", "none", "null", "NULL", r"\N")
)
"""Words that programs write for a missing value; as an id, such a word would merge all rows without an id."""

_POINTED = re.compile(r"[0-9]+\.0")
_DECIMAL = re.compile(r"[+-]?[0-9]*\.[0-9]+")
_ROUNDED = re.compile(r"[+-]?[0-9](\.[0-9]+)?[eE]\+[0-9]{2,3}")


def table_events(
    cells: Mapping[str, Sequence[str] | pa.Array | pa.ChunkedArray], columns: Columns, path: Path, *, first_line: int
) -> Events:
    """Return the events of a table, in the order of its rows.

    Args:
        cells: name of a column -> its values, one per row; unused columns are ignored.
        columns: which columns to read.
        path: path of the file, for messages.
        first_line: line number of the first row in the file.

    Raises:
        InputError: a column is missing, an id is missing or longer than :data:`harness.data.text.LONGEST_ID`, or a
            timestamp is neither a number nor a date; ``path`` and the lines are named.
    """
    chosen, read_as = choose(columns, list(cells), path)
    return events_of(cells, chosen, lambda rows: f"{path}, {name_lines([first_line + row for row in rows])}", read_as)


def events_of(
    cells: Mapping[str, Sequence[str] | pa.Array | pa.ChunkedArray],
    columns: Columns,
    where: Where,
    read_as: str,
    *,
    names: Sequence[str] = (),
) -> Events:
    """Return the events of a table whose columns have been chosen, in the order of its rows.

    Args:
        cells: name of a column -> its values.
        columns: which columns to read, with no guesses left.
        where: returns the file and the lines of some rows, for messages.
        read_as: part of a sentence on which columns hold what.
        names: names of all columns in the table; a message may suggest another of them.
    """
    (user, user_labels, user_bare), (item, item_labels, item_bare) = (
        _ids(_array(cells[name], name, where), name, where, other_column(option, columns, names))
        for option, name in (("user", columns.user), ("item", columns.item))
    )
    bare = [name for name, is_so in ((columns.user, user_bare), (columns.item, item_bare)) if is_so]
    if bare:
        read_as += f"; ids such as 7.0 in {' and '.join(bare)} are read as 7"
    time = None
    if columns.time is not None:
        time = read_times(_array(cells[columns.time], columns.time, where), columns.time, where)
    return Events(user=user, item=item, time=time, user_labels=user_labels, item_labels=item_labels, read_as=read_as)


def _array(values: Any, name: str, where: Where) -> pa.Array:
    """Return a column as one array without dictionary encoding."""
    if isinstance(values, pa.ChunkedArray):
        column = values.combine_chunks()
    elif isinstance(values, pa.Array):
        column = values
    else:
        try:
            column = pa.array(values, pa.string())
        except (pa.ArrowException, UnicodeError, TypeError):
            wrong = [row for row, value in enumerate(values) if not _is_text(value)]
            raise InputError(f"{where(wrong)}: the column {name} is not text; give text or numbers") from None
    if isinstance(column.type, pa.DictionaryType):
        column = column.cast(column.type.value_type)
    wide = pa.types.is_large_string(column.type) or pa.types.is_string_view(column.type)
    return column.cast(pa.string()) if wide else column


def _is_text(value: object) -> bool:
    try:
        return bool(str(value).encode()) or True
    except UnicodeError:
        return False


def _ids(values: pa.Array, name: str, where: Where, other: str) -> tuple[Codes, list[str], bool]:
    """Return ids as numbers by first appearance, the ids by number, and whether ids such as 7.0 were read as 7."""
    encoded = _as_text(values, name, where, other).dictionary_encode()
    codes = encoded.indices.to_numpy(zero_copy_only=False).astype(np.int64)
    labels: list[str] = encoded.dictionary.to_pylist()
    for wrong, found, fix in (
        ([not label for label in labels], "is empty", f"give an id in each row{other}"),
        (
            [label in MISSING for label in labels],
            "holds {} for a missing value",
            f"remove these rows, or rename the id{other}",
        ),
        (
            ["\n" in label or "\r" in label for label in labels],
            "holds a line break in {}",
            "check the quotes of these rows, and write each id in one line",
        ),
        (
            [bool(_ROUNDED.fullmatch(label)) or _is_beyond(label) for label in labels],
            "holds {}, which a program has rounded, so that different ids may have become one",
            "write these ids as text or as whole numbers",
        ),
        (
            [len(label) > LONGEST_ID for label in labels],
            "holds {n} characters",
            f"give ids of at most {LONGEST_ID} characters, one in each row",
        ),
    ):
        if any(wrong):
            rows = np.flatnonzero(np.array(wrong)[codes]).tolist()
            label = labels[codes[rows[0]]]
            said = found.format(shorten(label), n=len(label))
            raise InputError(f"{where(rows)}: the column {name} {said}; {fix}")
    bare = _without_point(labels, codes, name, where)
    return codes, bare, bare is not labels or pa.types.is_floating(values.type)


def _is_beyond(label: str) -> bool:
    """Return whether an id such as ``7.0`` is so large that a float does not distinguish neighbouring whole numbers."""
    return _POINTED.fullmatch(label) is not None and int(label[:-2]) >= 2**53


def _without_point(labels: list[str], codes: Codes, name: str, where: Where) -> list[str]:
    """Return ids such as ``1.0, 2.0``, which programs make of whole numbers, as ``1, 2``.

    This applies if most ids are written so; an id such as ``1.5`` shows that the point is part of the ids.
    """
    pointed = np.array([_POINTED.fullmatch(label) is not None for label in labels])
    known = set(labels)
    twice = np.array([bool(is_so) and label[:-2] in known for label, is_so in zip(labels, pointed, strict=True)])
    if twice.any():
        rows = np.flatnonzero(twice[codes]).tolist()
        label = labels[codes[rows[0]]]
        raise InputError(
            f"{where(rows)}: the column {name} holds {label!r}, and other rows {label[:-2]!r}; write one id in one way"
        )
    others = [label for label, is_so in zip(labels, pointed, strict=True) if not is_so]
    if pointed.sum() <= len(others) or any(map(_DECIMAL.fullmatch, others)):
        return labels
    return [label[:-2] if is_so else label for label, is_so in zip(labels, pointed, strict=True)]


def _as_text(values: pa.Array, name: str, where: Where, other: str) -> pa.Array:
    """Return a column of ids as text, whole numbers without a point; refuse missing values and lists."""
    kind = values.type
    if pa.types.is_nested(kind):
        raise InputError(
            f"{where([0])}: the column {name} holds {kind}, a list in each row; name a column with one id in each "
            "row under data: columns"
        )
    missing = np.flatnonzero(values.is_null(nan_is_null=True).to_numpy(zero_copy_only=False)).tolist()
    if missing:
        raise InputError(f"{where(missing)}: the column {name} has no value; fill it or remove these rows{other}")
    if pa.types.is_string(kind):
        return values
    if pa.types.is_floating(kind):
        _refuse_rounded(values, name, where)
    try:
        if pa.types.is_integer(kind) or pa.types.is_binary(kind) or pa.types.is_large_binary(kind):
            return values.cast(pa.string())
        if pa.types.is_floating(kind) or pa.types.is_decimal(kind):
            return values.cast(pa.int64()).cast(pa.string())
    except (pa.ArrowException, UnicodeError):
        pass
    raise InputError(
        f"{where(_not_whole(values))}: the column {name} holds {kind} values that are not ids; give text or whole "
        "numbers"
    )


def _refuse_rounded(values: pa.Array, name: str, where: Where) -> None:
    """Refuse floats so large that neighbouring whole numbers become the same float."""
    bits = {pa.float16(): 11, pa.float32(): 24}.get(values.type, 53)
    numbers = values.cast(pa.float64()).to_numpy(zero_copy_only=False)
    large = np.flatnonzero(np.abs(numbers) >= 2.0**bits).tolist()
    if large:
        raise InputError(
            f"{where(large)}: the column {name} holds {numbers[large[0]]:.0f} as a float ({values.type}); above "
            f"2**{bits} different ids become one float; write these ids as text or as whole numbers"
        )


def _not_whole(values: pa.Array) -> list[int]:
    if not pa.types.is_floating(values.type):
        return [0]
    numbers = values.cast(pa.float64()).to_numpy(zero_copy_only=False)
    return np.flatnonzero(numbers != np.round(numbers)).tolist() or [0]
