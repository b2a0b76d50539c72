"""Events from the columns of a table: ids and timestamps as text, checked row by row."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from harness.data.events import Codes, Events, Times, numbered
from harness.data.formats.base import Columns
from harness.data.text import LONGEST_ID, name_lines, shorten
from harness.errors import InputError, did_you_mean

_INTEGER = re.compile(r"[+-]?[0-9]{1,19}")
_DECIMAL = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]{1,3})?")


def table_events(cells: Mapping[str, Sequence[str]], columns: Columns, path: Path, *, first_line: int) -> Events:
    """The events of a table, in its order of rows.

    Args:
        cells: each column's values by its name, one a row; further columns are ignored.
        columns: which of them to read.
        path: for messages.
        first_line: of the file, that holds the first row.

    Raises:
        InputError: a column is missing, an id is empty or longer than :data:`harness.data.text.LONGEST_ID`, or a
            timestamp is not a finite number; ``path`` and the lines are named.
    """

    def column(option: str, name: str) -> Sequence[str]:
        if name in cells:
            return cells[name]
        without = ", or set it to null to take the file's order" if option == "time" else ""
        raise InputError(
            f"{path} has no column {shorten(name)}{did_you_mean(name, cells)}; it has {', '.join(cells)}; "
            f"name the right one under data: columns: {option}{without}"
        )

    def ids(option: str, name: str) -> tuple[Codes, list[str]]:
        values = column(option, name)
        wrong = [row for row, value in enumerate(values) if not 0 < len(value) <= LONGEST_ID]
        if wrong:
            found = f"holds {len(values[wrong[0]])} characters" if values[wrong[0]] else "is empty"
            alike = [row for row in wrong if bool(values[row]) == bool(values[wrong[0]])]
            lines = name_lines([first_line + row for row in alike])
            raise InputError(
                f"{path}, {lines}: the column {name} {found}; give ids of at most {LONGEST_ID} characters, one in each "
                "row"
            )
        return numbered(values)

    user, user_labels = ids("user", columns.user)
    item, item_labels = ids("item", columns.item)
    time = None
    if columns.time is not None:
        values = column("time", columns.time)
        time, wrong = _times(values)
        if wrong:
            raise InputError(
                f"{path}, {name_lines([first_line + row for row in wrong])}: the {columns.time} "
                f"{shorten(values[wrong[0]])} is not a number; give timestamps as numbers, such as seconds since 1970"
            )
    return Events(user=user, item=item, time=time, user_labels=user_labels, item_labels=item_labels)


def _times(values: Sequence[str]) -> tuple[Times | None, list[int]]:
    """Timestamps, as integers where all are, since a float64 would tie neighbouring nanoseconds; and the wrong rows."""
    if all(_INTEGER.fullmatch(value) for value in values):
        integers = [int(value) for value in values]
        if max(map(abs, integers)) < 2**63:
            return np.array(integers, dtype=np.int64), []
    wrong = [row for row, value in enumerate(values) if not _DECIMAL.fullmatch(value)]
    if wrong:
        return None, wrong
    times = np.array([float(value) for value in values], dtype=np.float64)
    return times, np.flatnonzero(~np.isfinite(times)).tolist()
