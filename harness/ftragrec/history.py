"""Neighbours that lead to what the user has had already, and how to do without them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from harness.data.interactions import Interactions
    from harness.data.split import Indices
    from harness.ftragrec.search import Exclusion, Mask


class NewItemsOnly:
    """A rule of exclusion that keeps a query from entries whose target its user has had before, too."""

    def __init__(self, rule: Exclusion, data: Interactions) -> None:
        """On top of ``rule``."""
        self._rule = rule
        self._data = data
        owner = np.repeat(np.arange(data.n_users), data.lengths)
        self._pairs, first = np.unique(self._pair(owner, data.items), return_index=True)
        self._since = first - data.offsets[owner[first]]

    def allowed(
        self, *, query_user: Indices, query_position: Indices, entry_user: Indices, entry_position: Indices
    ) -> Mask:
        """Which hits may stay: queries ``(batch,)`` against their hits ``(batch, n_hits)``."""
        target = self._data.items[self._data.offsets[entry_user] + entry_position]
        pair = self._pair(query_user[:, None], target)
        place = np.minimum(np.searchsorted(self._pairs, pair), len(self._pairs) - 1)
        had = (self._pairs[place] == pair) & (self._since[place] < query_position[:, None])
        kept = self._rule.allowed(
            query_user=query_user,
            query_position=query_position,
            entry_user=entry_user,
            entry_position=entry_position,
        )
        return kept & ~had

    def _pair(self, user: Indices, item: NDArray[np.int32]) -> Indices:
        return user.astype(np.int64) * (self._data.n_items + 1) + item
