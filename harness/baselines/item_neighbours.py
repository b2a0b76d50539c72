"""Item neighbours: items that the same users took as those of the query's history."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Self

import numpy as np
from scipy.sparse import csr_array

from harness.baselines.base import TIE_BREAK, Baseline, Events, Floats, Queries, put_last

N_NEIGHBOURS = 200
"""Neighbours that an item keeps, the nearest ones."""

LEAST_WEIGHT = 1e-3
"""Items of the history that weigh less are left out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemNeighbours(Baseline):
    """``score(i) = sum over a in the history of exp(-decay lag(a)) n(a, i) / (sqrt(n(a) n(i)) + shrinkage)``.

    ``n(a, i)`` counts users with both items among their training events, ``n(a)`` those with ``a``, and ``lag`` is 0
    for the query's last item. Each item keeps its :data:`N_NEIGHBOURS` nearest.

    Attributes:
        shrinkage: takes trust from pairs of few users, in users.
        decay: how fast older items of the history lose weight, per event; 0: not at all.
        history_last: whether items of the history come after all others.

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
        together = csr_array(took.T @ took).tocoo()
        n_users = np.bincount(took.indices, minlength=size)
        apart = together.row != together.col
        one, two = together.row[apart].astype(np.int64), together.col[apart].astype(np.int64)
        alike = together.data[apart] / (np.sqrt(n_users[one] * n_users[two]) + self.shrinkage)
        kept = nearest(one, alike, N_NEIGHBOURS)
        return _ByItem(
            alike=csr_array((alike[kept], (one[kept], two[kept])), shape=(size, size)),
            tie_break=TIE_BREAK * events.share,
            decay=self.decay,
            history_last=self.history_last,
        )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _ByItem:
    alike: csr_array
    tie_break: Floats
    decay: float
    history_last: bool

    def scores(self, queries: Queries) -> Floats:
        rows, items, lag = queries.history()
        weight = np.exp(-self.decay * lag)
        near = weight > LEAST_WEIGHT
        had = csr_array((weight[near], (rows[near], items[near])), shape=(len(queries), len(self.tie_break) + 1))
        scores = csr_array(had @ self.alike).toarray()[:, 1:] + self.tie_break
        return put_last(scores, queries) if self.history_last else scores


def nearest(row: np.ndarray, value: Floats, count: int) -> np.ndarray:
    """Which entries are among the largest of their row; rows ascending, values positive, of equal ones the first."""
    if not len(row):
        return np.empty(0, dtype=np.int64)
    order = np.argsort(row - value / (2.0 * value.max()), kind="stable")
    first = np.flatnonzero(np.diff(row, prepend=-1))
    place = np.arange(len(row)) - np.repeat(first, np.diff(first, append=len(row)))
    return order[place < count]
