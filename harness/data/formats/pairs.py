"""Pairs: one ``user item`` per line in order of time, as in SASRec's release."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from harness.data.events import Events
from harness.data.formats.base import Columns, DataFormat, UnlikeFormatError
from harness.data.formats.naming import is_header
from harness.data.formats.table import events_of
from harness.data.text import decode_lines, name_lines


class Pairs(DataFormat):
    """Two ids per line, separated by spaces or tabs; the lines of a user are in order of time."""

    name = "pairs"
    title = "pairs"

    def read(self, content: bytes, path: Path, columns: Columns) -> Events:
        rows = [line.split() for line in decode_lines(content, path)]
        if is_header(rows[0]):
            raise UnlikeFormatError(
                f"{path}, line 1: {' '.join(rows[0])} is a header; remove the line, or add format: csv and sep:"
            )
        ragged = [line for line, row in enumerate(rows, start=1) if len(row) != 2]
        if ragged:
            found = len(rows[ragged[0] - 1])
            raise UnlikeFormatError(
                f"{path}, {name_lines(ragged)}: {found} fields, read as pairs; every line is `user item`, oldest first "
                "(format: sequences where a line holds all items of a user)"
            )
        users, items = zip(*rows, strict=True)
        chosen = Columns(user="user", item="item", time=None)

        def where(wrong: Sequence[int]) -> str:
            return f"{path}, {name_lines([row + 1 for row in wrong])}"

        return events_of({"user": users, "item": items}, chosen, where, "user item a line, rows in order of time")
