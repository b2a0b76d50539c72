"""MovieLens tables without a header: ``user::item::rating::time`` (.dat), or the same with tabs (u.data)."""

from __future__ import annotations

from pathlib import Path

from harness.data.events import Events
from harness.data.formats.base import Columns, DataFormat, UnlikeFormatError
from harness.data.formats.delimited import Csv, TextTable, in_yaml, likely_sep, spelt, trimmed
from harness.data.formats.naming import is_value
from harness.data.formats.table import events_of
from harness.data.formats.times import is_since_1995

_NAMES = ("user", "item", "rating", "time")
_NUMBER = "0123456789.-"


class MovieLens(DataFormat):
    """``ratings.dat`` and ``u.data``: columns are identified by position."""

    name = "movielens"
    title = "MovieLens without a header"
    suffixes = (".dat", ".data")

    def read(self, content: bytes, path: Path, columns: Columns) -> Events:
        sep = columns.sep or ("::" if b"::" in content.partition(b"\n")[0] else "\t")
        table = TextTable.of(content, path, sep, quoted=False, has_header=False)
        first = table.first_fields()
        if not _has_ratings(first):
            raise UnlikeFormatError(
                f"{path}, line 1: {len(first)} {'field' if len(first) == 1 else 'fields'}, read as MovieLens "
                f"(user::item::rating::time, or tabs for ::, and no header); {_other_way(first, sep)}"
            )
        if is_since_1995(first[2]) and not is_since_1995(first[3]):
            raise UnlikeFormatError(
                f"{path}, line 1: field 3, {first[2]}, seems to be the time, and field 4 is {first[3]}, read as "
                "MovieLens (user, item, rating, time); put a header line above, such as user_id, item_id, timestamp, "
                f"rating with the same separator, and add {in_yaml(sep)}"
            )
        user, item, time = map(trimmed, table.columns([0, 1, 3], len(_NAMES)))
        chosen = Columns(user="user", item="item", time="time")
        read_as = f"separated by {spelt(sep)}, user=field 1, item=field 2, time=field 4 (guessed, there is no header)"
        return events_of({"user": user, "item": item, "time": time}, chosen, table.where, read_as)


class SeparatedDat(Csv):
    """A .dat or .data file with a given separator: MovieLens if it has those columns and no header, else CSV."""

    def read(self, content: bytes, path: Path, columns: Columns) -> Events:
        named = columns != Columns(sep=columns.sep)
        table = TextTable.of(content, path, columns.sep, quoted=False, has_header=False)
        if not named and _has_ratings(table.first_fields()):
            return MovieLens().read(content, path, columns)
        return super().read(content, path, columns)


def _has_ratings(first: list[str]) -> bool:
    """Return whether a line has four fields with a number as the third, as in MovieLens."""
    return len(first) == len(_NAMES) and bool(first[2]) and not first[2].strip(_NUMBER)


def _other_way(first: list[str], sep: str) -> str:
    """Return the fix for a file with this suffix that is not in MovieLens format."""
    if len(first) == 1 and likely_sep(first[0]):
        sep = likely_sep(first[0])
        first = first[0].split(sep)
    if any(map(is_value, first)):
        how = f"put a header line above the rows, such as user_id, item_id, timestamp, separated by {spelt(sep)}, and"
    else:
        how = "where line 1 is a header,"
    return f"{how} add {in_yaml(sep)}" if len(first) > 1 else "give another format:"
