"""Columns of a table of ranks: their names here, and common names in other tools."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from harness.errors import InputError, did_you_mean

if TYPE_CHECKING:
    import pandas as pd

REQUIRED = ("arm", "seed", "user", "rank")
OPTIONAL = ("target", "target_index", "history_length", "popularity", "split", "retrieval", "seconds")
COLUMNS = (*REQUIRED, *OPTIONAL)

_ELSEWHERE: Mapping[str, tuple[str, ...]] = {
    "arm": ("model", "method", "row", "variant", "system", "algorithm", "name"),
    "seed": ("replicate", "run", "random_seed", "trial", "fold"),
    "user": ("user_id", "uid", "userid", "session", "session_id", "query"),
    "rank": ("position", "pos", "target_rank"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Named:
    """A table under the names of :data:`COLUMNS`.

    Attributes:
        table: the used columns, rows numbered from 0.
        renamed: name here -> name in the table, where they differ.
        ignored: columns of the table that are not used.
    """

    table: pd.DataFrame
    renamed: Mapping[str, str]
    ignored: tuple[str, ...]


def parse_columns(text: str) -> dict[str, str]:
    """Parse the argument of ``--columns``: name here -> name in the table.

    Raises:
        InputError: a part is not of the form ``ours=theirs``.

    >>> parse_columns("arm=model,seed=run")
    {'arm': 'model', 'seed': 'run'}
    """
    found: dict[str, str] = {}
    for part in text.split(","):
        ours, equals, theirs = (each.strip() for each in part.partition("="))
        if not (ours and equals and theirs):
            raise InputError(
                f"--columns {text}: {part.strip()!r} is not of the form ours=theirs; write arm=model,seed=run"
            )
        found[ours] = theirs
    return found


def named(table: pd.DataFrame, columns: Mapping[str, str], where: str) -> Named:
    """Return the table with its columns renamed to :data:`COLUMNS`.

    Args:
        columns: name here -> name in the table.
        where: name of the table in errors.

    Raises:
        InputError: a name is unknown, or a column is missing or occurs twice.
    """
    there = [str(name) for name in table.columns]
    for ours, theirs in columns.items():
        if ours not in COLUMNS:
            raise InputError(
                f"columns: {ours!r} is unknown{did_you_mean(ours, COLUMNS)}; write ours=theirs, ours one of "
                f"{', '.join(COLUMNS)}"
            )
        if theirs not in there:
            raise InputError(
                f"{where} has no column {theirs!r}{did_you_mean(theirs, there)}; it has {', '.join(there)}"
            )
    places = {ours: columns.get(ours, ours) for ours in COLUMNS if columns.get(ours, ours) in there}
    if missing := [name for name in REQUIRED if name not in places]:
        free = [name for name in there if name not in places.values()]
        found = {name: guess for name in missing if (guess := _guess(name, free))}
        how = ",".join(f"{ours}={theirs}" for ours, theirs in {**columns, **found}.items())
        fix = f"name them with --columns {how}" if len(found) == len(missing) else "see docs/ranks.md"
        raise InputError(f"{where} has no column {', '.join(missing)}; it has {', '.join(there)}; {fix}")
    for theirs in places.values():
        if there.count(theirs) > 1:
            raise InputError(f"{where} has {there.count(theirs)} columns named {theirs!r}; keep one")
    used: Any = (
        table.set_axis(there, axis=1)[list(places.values())].set_axis(list(places), axis=1).reset_index(drop=True)
    )
    if used.empty:
        raise InputError(f"{where} has no rows; write one row per arm, seed and user")
    return Named(
        table=used,
        renamed={ours: theirs for ours, theirs in places.items() if ours != theirs},
        ignored=tuple(name for name in there if name not in places.values()),
    )


def _guess(name: str, free: list[str]) -> str:
    """The unused column that is most likely meant; empty if there is none."""
    plain = {each.lower().replace(" ", "_"): each for each in free}
    for other in (name, *_ELSEWHERE[name]):
        if other in plain:
            return plain[other]
    return next((plain[each] for each in plain if name in each), "")
