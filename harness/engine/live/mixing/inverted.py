"""An inverted index from items to the entries of a memory, and which entries a query may see."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from harness.data.history import had_before
from harness.data.protocol import Reach
from harness.engine.live.history import times_of

if TYPE_CHECKING:
    from harness.data.split import Indices
    from harness.engine.types.among import Among
    from harness.engine.types.vectors import Mask

Floats = NDArray[np.float64]
Whole = NDArray[np.integer[Any]]

PAIRS = 2**20
"""Approximate number of query-entry pairs compared at once: few enough for a processor's cache."""


class Visible:
    """Which entries a query may see.

    Attributes:
        user, position, target: of each entry, ``(N,)``.
        time: timestamp of each target, if the protocol allows older entries only; else None.
    """

    def __init__(self, among: Among) -> None:
        """Cover all entries whose targets may be used."""
        self._among = among
        prefixes = among.inputs.prefixes
        self.user, self.position = prefixes.user[among.entries], prefixes.position[among.entries]
        self.target = prefixes.target[among.entries]
        past = prefixes.protocol.memory is Reach.PAST
        self.time = times_of(among.inputs, among.entries) if past else None

    def allowed(self, prefix: Indices, row: Whole, entry: Whole) -> Mask:
        """Which pairs of query and entry both the recipe's rule and the protocol allow, ``(n_pairs,)``.

        Args:
            prefix: the queries, ``(n,)``.
            row, entry: the pairs, ``(n_pairs,)`` each.
        """
        allowed = self.seen(prefix, row, entry)
        prefixes = self._among.inputs.prefixes
        if prefixes.protocol.hides_history:
            had = had_before(self._among.inputs.data, prefixes.user[prefix], prefixes.position[prefix])
            allowed &= ~had[row, self.target[entry]]
        return allowed

    def seen(self, prefix: Indices, row: Whole, entry: Whole) -> Mask:
        """As :meth:`allowed`, but with entries whose target is in the query's own prefix: that item is known."""
        inputs = self._among.inputs
        user, position = inputs.prefixes.user[prefix], inputs.prefixes.position[prefix]
        allowed = np.ones(len(row), dtype=bool)
        own = np.flatnonzero(self.user[entry] == user[row])
        allowed[own] = self._among.exclusion.allowed(
            query_user=user[row[own]],
            query_position=position[row[own]],
            entry_user=self.user[entry[own], None],
            entry_position=self.position[entry[own], None],
        )[:, 0]
        if self.time is not None:
            allowed &= self.time[entry] < times_of(inputs, prefix)[row]
        return allowed


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Part:
    """Some consecutive queries with all entries that their items link to.

    Attributes:
        first: number of the first query among those asked.
        prefix: the queries, ``(n_queries,)``.
        row, entry, weight: of each pair; rows ascending from 0, the first query, ``(n_pairs,)`` each.
    """

    first: int
    prefix: Indices
    row: Whole
    entry: Whole
    weight: Floats


class InvertedIndex:
    """Item -> the entries that it links to, with a weight each.

    Args:
        item, entry, weight: each link once, ``(n_links,)``.
        n_columns: number of items + 1.
        n_entries: entries in the memory.
    """

    def __init__(self, *, item: Indices, entry: Indices, weight: NDArray[Any], n_columns: int, n_entries: int) -> None:
        self.links = np.bincount(item, minlength=n_columns)
        self._entries = csr_array((weight, (item, entry)), shape=(n_columns, n_entries))

    def pairs(self, prefix: Indices, *, row: Indices, item: Indices, weight: Floats) -> Iterator[Part]:
        """For each query and entry, the sum over the query's items of their weight times the link's.

        Args:
            prefix: the queries, ``(n,)``.
            row, item, weight: the items of each query, rows ascending, ``(n_held,)`` each.
        """
        counts = np.bincount(row, minlength=len(prefix))
        matrix = csr_array((weight, item, np.append(0, np.cumsum(counts))), shape=(len(prefix), len(self.links)))
        pairs = np.bincount(row, weights=self.links[item], minlength=len(prefix))
        part = (np.cumsum(pairs) / PAIRS).astype(np.int64)
        for rows in np.split(np.arange(len(prefix)), np.flatnonzero(np.diff(part)) + 1):
            product = cast("Any", matrix[rows] @ self._entries)
            yield Part(
                first=int(rows[0]) if len(rows) else 0,
                prefix=prefix[rows],
                row=np.repeat(np.arange(len(rows), dtype=np.int32), np.diff(product.indptr)),
                entry=cast("Whole", product.indices),
                weight=cast("Floats", product.data),
            )


class OlderCounts:
    """Number of events of each item, in total or before a given time.

    Args:
        item: of each event, ``(n,)``.
        time: of each event, ``(n,)``; None: time does not matter.
        n_columns: number of items + 1.
    """

    def __init__(self, item: Indices, time: NDArray[Any] | None, n_columns: int) -> None:
        self._first = np.append(0, np.cumsum(np.bincount(item, minlength=n_columns)))
        self._times, self._key = None, None
        if time is not None:
            self._times, rank = np.unique(time, return_inverse=True)
            self._key = np.sort(item * (len(self._times) + 1) + rank)

    def before(self, item: Indices, time: NDArray[Any] | None) -> Indices:
        """Number of events of each item ``(n,)`` before the times ``(n,)``; of all events if time does not matter."""
        if self._times is None or self._key is None:
            return self._first[item + 1] - self._first[item]
        assert time is not None
        rank = np.searchsorted(self._times, time)
        return np.searchsorted(self._key, item * (len(self._times) + 1) + rank) - self._first[item]
