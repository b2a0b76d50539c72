"""RecBole's atomic ``.inter`` files: tab separated, under a header of ``name:type`` fields.

Source: the format is RecBole's (Zhao et al., CIKM 2021); the reader is our own.
"""

from __future__ import annotations

from pathlib import Path

from harness.data.events import Events
from harness.data.formats.base import Columns, DataFormat
from harness.data.formats.table import table_events
from harness.data.text import decode_lines, name_lines, shorten
from harness.errors import InputError

_TYPES = ("token", "float", "token_seq", "float_seq")


class RecBole(DataFormat):
    """Atomic ``.inter`` files."""

    name = "recbole"
    suffixes = (".inter",)
    has_columns = True

    def read(self, content: bytes, path: Path, columns: Columns) -> Events:
        header, *rows = decode_lines(content, path)
        names = _column_names(header, path)
        if not rows:
            raise InputError(f"{path} has a header but no rows; it needs at least one interaction")
        ragged = [line for line, row in enumerate(rows, start=2) if row.count("\t") != len(names) - 1]
        if ragged:
            found = rows[ragged[0] - 2].count("\t") + 1
            raise InputError(
                f"{path}, {name_lines(ragged)}: {found} {'field' if found == 1 else 'fields'} where the header names "
                f"{len(names)}; separate all fields with single tabs"
            )
        cells = "\t".join(rows).split("\t")
        table = {name: cells[place :: len(names)] for place, name in enumerate(names)}
        return table_events(table, columns, path, first_line=2)


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
