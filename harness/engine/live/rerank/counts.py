"""Counts over the memory that need no similarity: popularity, transitions, entries read backward."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from harness.engine.live.history import times_of
from harness.engine.live.mixing.holdings import Holdings
from harness.engine.live.mixing.inverted import InvertedIndex, OlderCounts, Visible

if TYPE_CHECKING:
    from harness.data.split import Indices
    from harness.engine.types.among import Among

Table = NDArray[np.float32]


class Counts:
    """Counts over the entries that a query may see.

    Args:
        among: the entries, and the rules that hold for every query.
        decay: factor of an item's weight for each step back in the query.
        lag: exponent by which an item's weight falls with its distance from the entry's target.
    """

    def __init__(self, among: Among, *, decay: float, lag: float) -> None:
        inputs, entries = among.inputs, among.entries
        self._inputs = inputs
        self._visible = Visible(among)
        self._exclusion = among.exclusion
        self._decay = decay
        self._n_columns = n_columns = inputs.data.n_items + 1
        number = np.arange(len(entries))
        held = Holdings.of(inputs.data, inputs.prefixes, entries)
        self._held = csr_array(
            (
                (1.0 + held.lag) ** -lag,
                held.item,
                np.append(0, np.cumsum(np.bincount(held.row, minlength=len(number)))),
            ),
            shape=(len(number), n_columns),
        )
        one = np.ones(len(number))
        last = np.empty(len(number), dtype=np.int64)
        last[held.row[held.lag == 0]] = held.item[held.lag == 0]
        self._by_last = InvertedIndex(item=last, entry=number, weight=one, n_columns=n_columns, n_entries=len(number))
        self._by_target = InvertedIndex(
            item=self._visible.target, entry=number, weight=one, n_columns=n_columns, n_entries=len(number)
        )
        self._leading = OlderCounts(self._visible.target, self._visible.time, n_columns)
        self._first_own = np.searchsorted(self._visible.user, np.arange(inputs.data.n_users + 1))

    def popularity(self, prefix: Indices, item: Indices) -> Table:
        """Number of entries whose target is each of the items ``(n, k)``, for queries ``(n,)``, ``(n, k)``."""
        time = times_of(self._inputs, prefix) if self._visible.time is not None else None
        shape = item.shape
        every = self._leading.before(item.ravel(), None if time is None else np.repeat(time, shape[1])).reshape(shape)
        return (every - np.take_along_axis(self._own_unseen(prefix), item, axis=1)).astype(np.float32)

    def transitions(self, prefix: Indices) -> Table:
        """Number of entries whose last item is the query's last item, by target, ``(n, n_columns)``."""
        asked = Holdings.of(self._inputs.data, self._inputs.prefixes, prefix, most=1)
        named = np.zeros((len(prefix), self._n_columns), dtype=np.float32)
        for part in self._by_last.pairs(prefix, row=asked.row, item=asked.item, weight=np.ones(len(asked.row))):
            allowed = self._visible.allowed(part.prefix, part.row, part.entry)
            cell = (part.row[allowed] + part.first) * self._n_columns + self._visible.target[part.entry[allowed]]
            np.add.at(named.reshape(-1), cell, np.float32(1.0))
        return named

    def backward(self, prefix: Indices) -> Table:
        """Weighted count of items in entries whose target is an item of the query, ``(n, n_columns)``.

        The weight falls with the target's distance from the query's end, and the item's distance from the target.
        """
        asked = Holdings.of(self._inputs.data, self._inputs.prefixes, prefix)
        named = np.zeros((len(prefix), self._n_columns), dtype=np.float32)
        weight = np.power(self._decay, asked.lag, dtype=np.float64)
        for part in self._by_target.pairs(prefix, row=asked.row, item=asked.item, weight=weight):
            seen = self._visible.seen(part.prefix, part.row, part.entry)
            pairs = csr_array(
                (part.weight[seen], (part.row[seen], part.entry[seen])),
                shape=(len(part.prefix), len(self._visible.target)),
            )
            named[part.first : part.first + len(part.prefix)] = (
                cast("Any", pairs @ self._held).astype(np.float32).toarray()
            )
        return named

    def _own_unseen(self, prefix: Indices) -> Indices:
        """Number of older entries of the query's own user that the query may not see, by target."""
        prefixes = self._inputs.prefixes
        user = prefixes.user[prefix]
        first, n_own = self._first_own[user], self._first_own[user + 1] - self._first_own[user]
        row = np.repeat(np.arange(len(prefix)), n_own)
        entry = np.arange(len(row)) - np.repeat(np.cumsum(n_own) - n_own - first, n_own)
        counted = np.ones(len(row), dtype=bool)
        if self._visible.time is not None:
            counted = self._visible.time[entry] < times_of(self._inputs, prefix)[row]
        unseen = counted & ~self._visible.seen(prefix, row, entry)
        table = np.zeros((len(prefix), self._n_columns), dtype=np.int64)
        np.add.at(table, (row[unseen], self._visible.target[entry[unseen]]), 1)
        return table
