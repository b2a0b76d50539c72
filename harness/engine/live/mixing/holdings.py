"""The items that each prefix holds, and how far before its target."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from harness.data.interactions import Interactions
from harness.data.split import Indices, Prefixes

READ = 50
"""Number of last items of a prefix that count, as many as the backbone reads."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Holdings:
    """The distinct items of some prefixes, grouped by prefix, items ascending in each.

    Attributes:
        row: the prefix that holds the item, ``(n_held,)``.
        item: ``(n_held,)``.
        lag: number of events after the item's last one in the prefix, 0 for the last item, ``(n_held,)``.
        length: events of each prefix that count, ``(n,)``.
    """

    row: Indices
    item: Indices
    lag: Indices
    length: Indices

    @classmethod
    def of(cls, data: Interactions, prefixes: Prefixes, prefix: Indices, most: int = READ) -> Holdings:
        """The holdings of prefixes ``(n,)``, from the last ``most`` items of each."""
        length = np.minimum(prefixes.position[prefix], most)
        row = np.repeat(np.arange(len(prefix)), length)
        lag = np.repeat(np.cumsum(length), length) - 1 - np.arange(len(row))
        end = data.offsets[prefixes.user[prefix]] + prefixes.position[prefix]
        item = data.items[end[row] - 1 - lag].astype(np.int64)
        # Latest first in each prefix, so that np.unique keeps the latest of several events of an item.
        cell, first = np.unique((row * (data.n_items + 1) + item)[::-1], return_index=True)
        row, item = np.divmod(cell, data.n_items + 1)
        return cls(row=row, item=item, lag=lag[::-1][first], length=length)
