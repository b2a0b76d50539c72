"""Item neighbours: items taken by the same users as the items of the query's history."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import ClassVar, Self

import numpy as np
from scipy.sparse import csr_array, vstack

from harness.baselines.base import TIE_BREAK, Baseline, Events, Floats, Learned, Queries, put_last

N_NEIGHBOURS = 200
"""Number of nearest neighbours that an item keeps."""

PAIRS = 1 << 19
"""Pairs of items counted at a time: about 50 MB."""

LEAST_WEIGHT = 1e-3
"""Items of the history with a smaller weight are ignored."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemNeighbours(Baseline):
    """``score(i) = sum over a in the history of exp(-decay lag(a)) n(a, i) / (sqrt(n(a) n(i)) + shrinkage)``.

    ``n(a, i)`` counts users with both items among their training events, ``n(a)`` those with ``a``, and ``lag`` is 0
    for the query's last item. Each item keeps its :data:`N_NEIGHBOURS` nearest.

    Attributes:
        shrinkage: reduces the similarity of pairs with few users, in users.
        decay: rate at which older items of the history lose weight, per event; 0: all weigh the same.
        history_last: whether items of the history rank after all others.

    Source: Deshpande and Karypis, "Item-based top-N recommendation algorithms", TOIS 2004; the shrinkage of Bell and
    Koren, "Scalable collaborative filtering with jointly derived neighborhood interpolation weights", ICDM 2007.
    """

    name: ClassVar[str] = "item neighbours"
    title: ClassVar[str] = "Item neighbours"
    title_zh: ClassVar[str] = "物品近邻"

    shrinkage: float = 10.0
    decay: float = 0.2
    history_last: bool = True

    @classmethod
    def grid(cls, *, repeats: bool) -> tuple[Self, ...]:
        return tuple(
            cls(decay=decay, history_last=last)
            for decay in (0.2, 1.0)
            for last in ((True, False) if repeats else (True,))
        )

    def learn(self, events: Events) -> _ByItem:
        size = events.n_items + 1
        took = csr_array((np.ones(len(events)), (events.user, events.item)), shape=(events.n_users, size))
        took.data[:] = 1.0
        taken = csr_array(took.T)
        n_users = np.diff(taken.indptr).astype(np.int64)
        most = np.minimum(taken @ np.diff(took.indptr), size)
        rows: list[csr_array] = []
        for part in in_blocks(most, PAIRS):
            # Converting to columns and back sorts the columns of a row; of equally near items the first are kept.
            together = csr_array((taken[part] @ took).tocsc()).tocoo()
            apart = together.row + part.start != together.col
            one, two = together.row[apart].astype(np.int64), together.col[apart].astype(np.int64)
            alike = together.data[apart] / (np.sqrt(n_users[one + part.start] * n_users[two]) + self.shrinkage)
            kept = nearest(one, alike, N_NEIGHBOURS)
            shape = (part.stop - part.start, size)
            rows.append(csr_array((alike[kept], (one[kept], two[kept])), shape=shape))
        return _ByItem(of=self, alike=csr_array(vstack(rows)), tie_break=TIE_BREAK * events.share)

    def learn_again(self, events: Events, earlier: Learned) -> Learned:
        if isinstance(earlier, _ByItem) and earlier.of.shrinkage == self.shrinkage:
            return replace(earlier, of=self)
        return self.learn(events)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _ByItem:
    of: ItemNeighbours
    alike: csr_array
    tie_break: Floats

    def scores(self, queries: Queries) -> Floats:
        rows, items, lag = queries.history()
        weight = np.exp(-self.of.decay * lag)
        near = weight > LEAST_WEIGHT
        had = csr_array((weight[near], (rows[near], items[near])), shape=(len(queries), len(self.tie_break) + 1))
        scores = csr_array(had @ self.alike).toarray()[:, 1:] + self.tie_break
        return put_last(scores, queries) if self.of.history_last else scores


def in_blocks(sizes: Floats, most: float) -> Iterator[slice]:
    """Yield all places in order, in blocks of total size at most ``most``; a larger single place is its own block.

    >>> list(in_blocks(np.array([2.0, 2.0, 9.0, 1.0]), 4.0))
    [slice(0, 2, None), slice(2, 3, None), slice(3, 4, None)]
    """
    ends, start = np.cumsum(sizes), 0
    while start < len(sizes):
        before = ends[start - 1] if start else 0.0
        stop = max(int(np.searchsorted(ends, before + most, side="right")), start + 1)
        yield slice(start, stop)
        start = stop


def nearest(row: np.ndarray, value: Floats, count: int) -> np.ndarray:
    """Return the entries with the ``count`` largest values per row, first on ties; rows ascending, values positive."""
    if not len(row):
        return np.empty(0, dtype=np.int64)
    order = np.argsort(row - value / (2.0 * value.max()), kind="stable")
    first = np.flatnonzero(np.diff(row, prepend=-1))
    place = np.arange(len(row)) - np.repeat(first, np.diff(first, append=len(row)))
    return order[place < count]
