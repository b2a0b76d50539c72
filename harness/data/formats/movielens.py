"""MovieLens's tables without a header: ``user::item::rating::time`` (.dat), or the same with tabs (u.data)."""

from __future__ import annotations

from pathlib import Path

from harness.data.events import Events
from harness.data.formats.base import Columns, DataFormat
from harness.data.formats.delimited import TextTable
from harness.data.formats.table import events_of
from harness.errors import InputError

_NAMES = ("user", "item", "rating", "time")
_NUMBER = "0123456789.-"


class MovieLens(DataFormat):
    """``ratings.dat`` and ``u.data``: the columns are told by their place."""

    name = "movielens"
    title = "MovieLens without a header"
    suffixes = (".dat", ".data")

    def read(self, content: bytes, path: Path, columns: Columns) -> Events:
        sep = "::" if b"::" in content.partition(b"\n")[0] else "\t"
        table = TextTable.of(content, path, sep, quoted=False, has_header=False)
        first = table.first_fields()
        if len(first) != len(_NAMES) or not first[2] or first[2].strip(_NUMBER):
            raise InputError(
                f"{path}, line 1: {len(first)} fields, read as MovieLens (user::item::rating::time, or tabs for ::, "
                "and no header); where there is a header, give format: csv and sep:"
            )
        user, item, time = table.columns([0, 1, 3], len(_NAMES))
        chosen = Columns(user="user", item="item", time="time")
        spelt = "tabs" if sep == "\t" else sep
        read_as = f"separated by {spelt}, user=field 1, item=field 2, time=field 4"
        return events_of({"user": user, "item": item, "time": time}, chosen, table.where, read_as)
