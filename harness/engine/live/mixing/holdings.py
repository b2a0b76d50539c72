"""Which items each prefix holds, and how long before its target."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from harness.data.interactions import Interactions
from harness.data.split import Indices, Prefixes

READ = 50
"""The last items of a prefix that count, as many as the backbone reads."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Holdings:
    """The distinct items of some prefixes, prefix by prefix, items ascending in each.

    Attributes:
        row: which of the prefixes holds it, ``(n_held,)``.
        item: ``(n_held,)``.
        lag: items that came after its last event there, 0 for the last item, ``(n_held,)``.
        length: events of each prefix that count, ``(n,)``.
    """

    row: Indices
    item: Indices
    lag: Indices
    length: Indices

    @classmethod
    def of(cls, data: Interactions, prefixes: Prefixes, prefix: Indices, most: int = READ) -> Holdings:
        """Those of prefixes ``(n,)``, of the last ``most`` items of each."""
        length = np.minimum(prefixes.position[prefix], most)
        row = np.repeat(np.arange(len(prefix)), length)
        lag = np.repeat(np.cumsum(length), length) - 1 - np.arange(len(row))
        end = data.offsets[prefixes.user[prefix]] + prefixes.position[prefix]
        item = data.items[end[row] - 1 - lag].astype(np.int64)
        # Latest first in each prefix, so that of several events of an item the latest is the one that stays.
        cell, first = np.unique((row * (data.n_items + 1) + item)[::-1], return_index=True)
        row, item = np.divmod(cell, data.n_items + 1)
        return cls(row=row, item=item, lag=lag[::-1][first], length=length)
