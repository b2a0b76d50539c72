"""Which columns of a table hold user, item and time: as named by the user, else found by their usual names."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from harness.data.formats.base import GUESSED, Columns
from harness.data.text import shorten
from harness.errors import InputError, did_you_mean

USUAL: dict[str, tuple[str, ...]] = {
    "user": ("user_id", "user", "uid", "reviewer_id", "customer_id", "visitor_id", "session_id", "session"),
    "item": (
        *("item_id", "item", "iid", "movie_id", "asin", "parent_asin", "product_id", "business_id", "article_id"),
        *("book_id", "track_id", "video_id", "sku"),
    ),
    "time": ("timestamp", "time", "unix_review_time", "date", "datetime", "event_time", "created_at", "ts"),
}
"""Usual names of columns, compared without case, ``_``, ``-`` and spaces; the first name has priority."""

_VALUE = re.compile(r"\s*([+-]?[0-9]+([.:][0-9]+)*|[0-9]{4}-[0-9]{2}-[0-9]{2}([T ].*)?)\s*")
"""A number or a date: data, not the name of a column."""
_SHOWN = 12


def choose(columns: Columns, names: Sequence[str], path: Path) -> tuple[Columns, str]:
    """Return the columns to read, with all guesses resolved, and a sentence on them.

    >>> choose(Columns(), ["movieId", "userId", "ts"], Path("log.csv"))[1]
    'user=userId, item=movieId, time=ts (guessed; change with columns:)'

    Args:
        columns: the requested columns.
        names: names of the table's columns.
        path: path of the file, for messages.

    Raises:
        InputError: a requested column is missing, or for a guess no column or several columns have a usual name.
    """
    found = columns
    guessed = [option for option in USUAL if getattr(columns, option) == GUESSED]
    for option in USUAL:
        name = getattr(columns, option)
        if name is not None and name != GUESSED and name not in names:
            raise InputError(
                f"{path} has no column {shorten(name)}{did_you_mean(name, names)}; it has {_listed(names)}; "
                f"name the right one {_under(option)}{_or_null(option)}"
            )
    for option in guessed:
        taken = {getattr(found, other) for other in USUAL}
        free = [name for name in names if name and name not in taken]
        found = replace(found, **{option: _guess(option, free, names, path)})
    read = f"user={found.user}, item={found.item}, " + (f"time={found.time}" if found.time else "rows in order of time")
    if not guessed:
        return found, read
    which = "" if len(guessed) == len(USUAL) else f"{' and '.join(guessed)} "
    return found, f"{read} ({which}guessed; change with columns:)"


def _guess(option: str, free: Sequence[str], names: Sequence[str], path: Path) -> str:
    usual = [_plain(name) for name in USUAL[option]]
    hits = [name for name in free if _plain(name) == usual[0]] or [name for name in free if _plain(name) in usual]
    if len(hits) == 1:
        return hits[0]
    if hits:
        raise InputError(
            f"{path}, line 1: {len(hits)} columns may hold the {option}: {', '.join(hits)}; name one {_under(option)}"
        )
    if any(map(is_value, names)):
        raise _no_header(names, path)
    raise InputError(
        f"{path}, line 1: no column has a usual name for the {option} (such as {', '.join(USUAL[option][:3])}); it has "
        f"{_listed(names)}; name the right one {_under(option)}{_or_null(option)}"
    )


def refuse_data_as_names(columns: Columns, names: Sequence[str], path: Path) -> None:
    """Refuse a text table without a header, where the user names columns by the values in the first row.

    That row would be lost. Numbers from 0 upward are accepted as names: pandas writes them for unnamed columns.

    Raises:
        InputError: the name of a requested column is a number or a date.
    """
    written = [name for name in names if name and not name.startswith("Unnamed: ")]
    if written == [str(number) for number in range(len(written))]:
        return
    if any(is_value(getattr(columns, option) or "") for option in USUAL):
        raise _no_header(names, path)


def other_column(option: str, taken: Columns, names: Sequence[str]) -> str:
    """Return another column with a usual name for user, item or time, as the end of a fix; empty if there is none.

    >>> other_column("user", Columns(user="userId", item="i", time="t"), ["sessionId", "userId", "i", "t"])
    ', or name sessionId under data: columns: user (--user-column)'
    """
    usual = {_plain(name) for name in USUAL[option]}
    used = {taken.user, taken.item, taken.time}
    found = next((name for name in names if name not in used and _plain(name) in usual), "")
    return f", or name {found} {_under(option)}" if found else ""


def is_header(names: Sequence[str]) -> bool:
    """Return whether a line of fields is a header: usual names of two of user, item and time are among the first."""
    plain = {_plain(name) for name in names[:_SHOWN]}
    return sum(any(_plain(name) in plain for name in usual) for usual in USUAL.values()) > 1


def is_value(field: str) -> bool:
    """Return whether a field is a number or a date; a first line with such a field is data, not a header."""
    return _VALUE.fullmatch(field) is not None


def _no_header(names: Sequence[str], path: Path) -> InputError:
    return InputError(
        f"{path}, line 1: {_listed(names)} reads as data, not as the names of columns; put a header line above it, "
        "such as user_id, item_id, timestamp with the same separator"
    )


def _plain(name: str) -> str:
    return re.sub(r"[_\-\s]", "", name).lower()


def _under(option: str) -> str:
    return f"under data: columns: {option} (--{option}-column)"


def _or_null(option: str) -> str:
    return ", or set it to null to take the file's order" if option == "time" else ""


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(name if len(name) <= 40 else shorten(name) for name in names[:_SHOWN])
    return shown + (f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else "")
