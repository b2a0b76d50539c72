"""What a user has had: which items stand before a position of its sequence."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.data.interactions import Interactions

Whole = NDArray[np.int64]

_SMALL_TABLE = 1 << 26
"""Cells, a byte each, of a table that may be made for a look-up."""

_WORTH_A_TABLE = 100
"""Cells of a table that cost as much to clear as one item to look up in the sorted pairs, roughly."""

HIDDEN = -1e9
"""Score of an item that is no candidate, finite so that such items tie instead of being no number."""


def had_before(data: Interactions, user: Whole, position: Whole) -> NDArray[np.bool_]:
    """Which items stand before each position of its user's sequence, ``(n, n_items + 1)``."""
    before = np.cumsum(position) - position
    row = np.repeat(np.arange(len(user)), position)
    had = np.zeros((len(user), data.n_items + 1), dtype=bool)
    had[row, data.items[np.arange(len(row)) - np.repeat(before - data.offsets[user], position)]] = True
    return had


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FirstEvents:
    """Where each user had each of its items first: some pairs are looked up without a table of all items.

    Attributes:
        data: whose events they are.
        n_columns: number of items, and one.
        pair: ``user * n_columns + item`` of every pair that occurs, ascending, ``(n_pairs,)``.
        position: of its first event in the user's sequence, ``(n_pairs,)``.
    """

    data: Interactions
    n_columns: int
    pair: Whole
    position: Whole

    @classmethod
    def of(cls, data: Interactions) -> FirstEvents:
        """Those of a data set."""
        user = np.repeat(np.arange(data.n_users), data.lengths)
        pair, first = np.unique(user * (data.n_items + 1) + data.items, return_index=True)
        return cls(data=data, n_columns=data.n_items + 1, pair=pair, position=first - data.offsets[user[first]])

    def had(self, user: Whole, item: NDArray[Any], position: Whole) -> NDArray[np.bool_]:
        """Whether the items ``(n, k)`` stand before the positions ``(n,)`` of the users' ``(n,)`` sequences."""
        if len(user) * self.n_columns <= _SMALL_TABLE and self.n_columns <= _WORTH_A_TABLE * item.shape[1]:
            return np.take_along_axis(had_before(self.data, user, position), item, axis=1)
        wanted = user[:, None] * self.n_columns + item
        place = np.minimum(np.searchsorted(self.pair, wanted), len(self.pair) - 1)
        return (self.pair[place] == wanted) & (self.position[place] < position[:, None])
