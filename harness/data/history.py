"""A user's history: the items before a position of the user's sequence."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.data.interactions import Interactions

Whole = NDArray[np.int64]

_SMALL_TABLE = 1 << 26
"""Maximum number of cells, one byte each, of a table made for a look-up."""

_WORTH_A_TABLE = 100
"""Number of table cells that take about as long to clear as one look-up in the sorted pairs."""

HIDDEN = -1e9
"""Score of an item that is not a candidate; finite, so that such items tie instead of giving NaN."""


def had_before(data: Interactions, user: Whole, position: Whole) -> NDArray[np.bool_]:
    """Return which items occur before each position in the user's sequence, ``(n, n_items + 1)``."""
    before = np.cumsum(position) - position
    row = np.repeat(np.arange(len(user)), position)
    had = np.zeros((len(user), data.n_items + 1), dtype=bool)
    had[row, data.items[np.arange(len(row)) - np.repeat(before - data.offsets[user], position)]] = True
    return had


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FirstEvents:
    """The position of each user's first event with each item: looks up pairs without a table of all items.

    Attributes:
        data: the sequences.
        n_columns: number of items plus one.
        pair: ``user * n_columns + item`` of every pair that occurs, ascending, ``(n_pairs,)``.
        position: position of the pair's first event in the user's sequence, ``(n_pairs,)``.
    """

    data: Interactions
    n_columns: int
    pair: Whole
    position: Whole

    @classmethod
    def of(cls, data: Interactions) -> FirstEvents:
        """Return the first events of a data set."""
        user = np.repeat(np.arange(data.n_users), data.lengths)
        pair, first = np.unique(user * (data.n_items + 1) + data.items, return_index=True)
        return cls(data=data, n_columns=data.n_items + 1, pair=pair, position=first - data.offsets[user[first]])

    def had(self, user: Whole, item: NDArray[Any], position: Whole) -> NDArray[np.bool_]:
        """Return whether items ``(n, k)`` occur before positions ``(n,)`` in the sequences of users ``(n,)``."""
        if len(user) * self.n_columns <= _SMALL_TABLE and self.n_columns <= _WORTH_A_TABLE * item.shape[1]:
            return np.take_along_axis(had_before(self.data, user, position), item, axis=1)
        wanted = user[:, None] * self.n_columns + item
        place = np.minimum(np.searchsorted(self.pair, wanted), len(self.pair) - 1)
        return (self.pair[place] == wanted) & (self.position[place] < position[:, None])
