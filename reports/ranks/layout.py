"""Rows of a table of ranks as indices: the run, user and target of each row, and its position in arrays of ranks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from reports.ranks.values import SETS, Codes, Flags, Values


@dataclass(frozen=True, slots=True, kw_only=True)
class Rows:
    """The run, user and target of each row, as indices into lists of names; `key` identifies a target within a user."""

    arm: Codes
    seed: Codes
    user: Codes
    of_set: Codes
    mode: Codes
    key: Codes

    @property
    def runs(self) -> Codes:
        """A number for each row, equal in the rows of one arm, seed, set and mode."""
        return joined(self.arm, self.seed, self.of_set, self.mode)


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """Positions of the rows of a set in arrays of ranks.

    Attributes:
        row, column: position of every row of the table, -1 outside the set; the last target is in the last column.
        shape: ``(n_users,)``, or ``(n_users, most)`` if a user has several targets.
    """

    row: Codes
    column: Codes
    shape: tuple[int, ...]

    def filled(self, values: NDArray[Any], rows: Codes) -> NDArray[Any]:
        """Return an array with the values of the given rows in their positions, 0 elsewhere."""
        found = np.zeros(self.shape, dtype=values.dtype)
        if len(self.shape) == 1:
            found[self.row[rows]] = values[rows]
        else:
            found[self.row[rows], self.column[rows]] = values[rows]
        return found


def layout_of(rows: Rows, of_set: int, kept: Flags, order: Sequence[int]) -> Layout:
    """Return the positions of a set's rows: users in `order`, each user's targets in the order of their keys."""
    place = np.full(int(rows.user.max()) + 1, -1)
    place[order] = np.arange(len(order))
    mine = np.flatnonzero((rows.of_set == of_set) & kept)
    row, column = np.full(len(kept), -1), np.full(len(kept), -1)
    row[mine] = place[rows.user[mine]]
    _, first, of_pair = np.unique(joined(row[mine], rows.key[mine]), return_index=True, return_inverse=True)
    n_targets = np.bincount(row[mine][first], minlength=len(order))
    most = int(n_targets.max(initial=1))
    number = np.arange(len(first)) - np.repeat(np.cumsum(n_targets) - n_targets, n_targets)
    column[mine] = (most - np.repeat(n_targets, n_targets) + number)[of_pair]
    return Layout(row=row, column=column, shape=(len(order),) if most <= 1 else (len(order), most))


def target_keys(values: Values, rows: Rows) -> Codes:
    """Return keys that identify the targets of a user: ``target_index``, else ``target`` in the order of the table.

    Raises:
        InputError: the table has neither column, or a run ranks one target of a user twice.
    """
    name = next((each for each in ("target_index", "target") if values.has(each)), "")
    if not name:
        fix = "write one row per arm, seed and user, or name the targets of a user in the column target or target_index"
        values.refuse(again(rows.runs, rows.user), "a second rank", fix)
    # With target names instead of numbers, the first row of each target sets the order.
    named = np.arange(len(rows.user))
    label = values.labels("target")[0] if name == "target" else None
    key = values.counts(name) if label is None else first_of(named, rows.of_set, rows.user, label)
    fix = "write one row per arm, seed, user and target"
    if name == "target":
        fix += "; number the targets in the column target_index where a user has one item twice"
    values.refuse(again(rows.runs, rows.user, key), "a second rank of the same target", fix)
    return key


def in_every_run(rows: Rows) -> Flags:
    """Mask of the rows whose target is ranked by every run of their set."""
    _, of_target, n_rows = np.unique(joined(rows.of_set, rows.user, rows.key), return_inverse=True, return_counts=True)
    _, first = np.unique(rows.runs, return_index=True)
    return n_rows[of_target] == np.bincount(rows.of_set[first], minlength=len(SETS))[rows.of_set]


def first_of(values: NDArray[Any], *groups: Codes) -> NDArray[Any]:
    """For each row, the value of the first row of its group."""
    _, first, of_group = np.unique(joined(*groups), return_index=True, return_inverse=True)
    return values[first][of_group]


def again(*groups: Codes) -> Flags:
    """Mask of the rows that are not the first of their group."""
    _, first = np.unique(joined(*groups), return_index=True)
    repeated = np.ones(len(groups[0]), dtype=bool)
    repeated[first] = False
    return repeated


def joined(*codes: Codes) -> Codes:
    """One number for each combination of codes, in sorted order."""
    number = np.zeros(len(codes[0]), dtype=np.int64)
    for each in codes:
        _, number = np.unique(number * (int(each.max()) + 1) + each, return_inverse=True)
    return number
