"""What a query's user has had before, and neighbours that lead there."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from harness.ftragrec.pairs import nth_of_run

if TYPE_CHECKING:
    from harness.data.interactions import Interactions
    from harness.data.split import Indices
    from harness.ftragrec.search import Exclusion, Mask


def had_before(data: Interactions, user: Indices, position: Indices) -> Mask:
    """Which items stand before each position of its user's sequence, ``(n, n_items + 1)``."""
    row = np.repeat(np.arange(len(user)), position)
    had = np.zeros((len(user), data.n_items + 1), dtype=bool)
    had[row, data.items[data.offsets[user][row] + nth_of_run(position)]] = True
    return had


class NewItemsOnly:
    """A rule of exclusion that keeps a query from entries whose target its user has had before, too."""

    def __init__(self, rule: Exclusion, data: Interactions) -> None:
        """On top of ``rule``."""
        self._rule = rule
        self._data = data

    def allowed(
        self, *, query_user: Indices, query_position: Indices, entry_user: Indices, entry_position: Indices
    ) -> Mask:
        """Which hits may stay: queries ``(batch,)`` against their hits ``(batch, n_hits)``."""
        target = self._data.items[self._data.offsets[entry_user] + entry_position]
        had = had_before(self._data, query_user, query_position)
        kept = self._rule.allowed(
            query_user=query_user,
            query_position=query_position,
            entry_user=entry_user,
            entry_position=entry_position,
        )
        return kept & ~np.take_along_axis(had, target.astype(np.int64), axis=1)
