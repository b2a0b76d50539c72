"""RecBole's atomic ``.inter`` files: separated by tabs, with a header of ``name:type`` fields.

Source: the format is RecBole's (Zhao et al., CIKM 2021); the header is read by our own code, the rows by Arrow.
"""

from __future__ import annotations

from pathlib import Path

from harness.data.events import Events
from harness.data.formats.base import Columns, DataFormat
from harness.data.formats.delimited import TextTable
from harness.data.formats.naming import choose
from harness.data.formats.table import events_of
from harness.data.text import shorten
from harness.errors import InputError

_TYPES = ("token", "float", "token_seq", "float_seq")


class RecBole(DataFormat):
    """Atomic ``.inter`` files."""

    name = "recbole"
    title = "RecBole .inter"
    suffixes = (".inter",)
    has_columns = True

    def read(self, content: bytes, path: Path, columns: Columns) -> Events:
        table = TextTable.of(content, path, "\t", quoted=False)
        types = _column_types(table.first_fields(), path)
        names = list(types)
        chosen, read_as = choose(columns, names, path)
        wanted = {
            option: name
            for option, name in (("user", chosen.user), ("item", chosen.item), ("time", chosen.time))
            if name is not None
        }
        for option, name in wanted.items():
            if types[name].endswith("_seq"):
                single = ", ".join(each for each, kind in types.items() if not kind.endswith("_seq"))
                raise InputError(
                    f"{path}, line 1: the column {name} is typed {types[name]}, a list in each row; name one with a "
                    f"single value under data: columns: {option} (it has {single or 'none'})"
                )
        found = table.columns([names.index(name) for name in wanted.values()], len(names))
        cells = dict(zip(wanted.values(), found, strict=True))
        return events_of(cells, chosen, table.where, read_as, names=names)


def _column_types(header: list[str], path: Path) -> dict[str, str]:
    """Return name -> type of the header's fields."""
    types: dict[str, str] = {}
    for field in header:
        name, colon, kind = field.rpartition(":")
        if not colon or ":" in name or kind not in _TYPES:
            raise InputError(
                f"{path}, line 1: the header field {shorten(field)} is not name:type with a type of "
                f"{', '.join(_TYPES)}; the first line must be such as "
                "user_id:token<TAB>item_id:token<TAB>timestamp:float"
            )
        if name in types:
            raise InputError(f"{path}, line 1: the column {shorten(name)} occurs twice; rename one")
        types[name] = kind
    return types
