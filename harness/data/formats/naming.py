"""Which columns of a table hold user, item and time: as named, else by the usual names of the field."""

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
"""Names by which a column is found, case, ``_``, ``-`` and spaces aside; where the first is there, it is taken."""

_NUMBER = re.compile(r"\s*[+-]?[0-9]+([.:][0-9]+)*\s*")
_SHOWN = 12


def choose(columns: Columns, names: Sequence[str], path: Path) -> tuple[Columns, str]:
    """The columns to read, none of them left to be guessed, and a sentence on them.

    >>> choose(Columns(), ["movieId", "userId", "ts"], Path("log.csv"))[1]
    'user=userId, item=movieId, time=ts (guessed; change with columns:)'

    Args:
        columns: as asked for.
        names: of the table's columns.
        path: for messages.

    Raises:
        InputError: a named column is missing, no usual name is there, or several are.
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
    if any(_NUMBER.fullmatch(name) for name in names):
        raise InputError(
            f"{path}, line 1: {_listed(names)} reads as data, not as the names of columns; put a header line above it, "
            "such as user_id, item_id, timestamp with the same separator"
        )
    raise InputError(
        f"{path}, line 1: no column has a usual name for the {option} (such as {', '.join(USUAL[option][:3])}); it has "
        f"{_listed(names)}; name the right one {_under(option)}{_or_null(option)}"
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
