"""Neighbours that share items with a query, found by one sparse product."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from harness.data.split import Indices
from harness.engine.live.history import times_of
from harness.engine.live.mixing.best import best_of_each_row, likely_bounds
from harness.engine.live.mixing.holdings import Holdings
from harness.engine.live.mixing.inverted import Floats, InvertedIndex, OlderCounts, Part, Visible, Whole
from harness.engine.live.mixing.masses import LiveMass, Named
from harness.engine.live.pairs import nth_of_run
from harness.engine.types.among import Among
from harness.engine.types.inputs import Inputs
from harness.engine.types.memory import Memory
from harness.engine.types.retrieved import Neighbours, unobserved
from harness.engine.types.vectors import Mask, batch_key


class Overlap(Protocol):
    """How much a shared item counts; see :class:`harness.recipe.seams.retrieval.neighbours.SharedItems`."""

    @property
    def decay(self) -> float: ...

    @property
    def lag(self) -> float: ...

    @property
    def rarity(self) -> float: ...

    @property
    def length(self) -> float: ...

    @property
    def k(self) -> int: ...


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Shared:
    """Entries that share items with some queries, grouped by query, in no order within a query.

    Attributes:
        row: number of the query, ascending, ``(n,)``.
        entry: entry number in the memory, ``(n,)`` int32.
        similarity: above 0, ``(n,)``.
        n_queries: number of queries.
    """

    row: Indices
    entry: Whole
    similarity: Floats
    n_queries: int

    def weights(self) -> Floats:
        """Each similarity as a fraction of its query's sum, ``(n,)``."""
        total = np.bincount(self.row, weights=self.similarity, minlength=self.n_queries)
        return self.similarity / total[self.row]

    def support(self) -> Floats:
        """Per query: number of entries, largest similarity and sum of similarities, ``(n_queries, 3)``."""
        counts = np.bincount(self.row, minlength=self.n_queries)
        best = np.zeros(self.n_queries)
        np.maximum.at(best, self.row, self.similarity)
        total = np.bincount(self.row, weights=self.similarity, minlength=self.n_queries)
        return np.stack([counts, best, total], axis=1).astype(np.float64)

    def best_first(self) -> Shared:
        """These entries sorted within each query, most similar first, ties by entry number."""
        order = np.lexsort((self.entry, -self.similarity, self.row))
        return replace(self, row=self.row[order], entry=self.entry[order], similarity=self.similarity[order])

    def as_neighbours(self) -> Neighbours:
        """These entries as a table in their order, with the similarity in place of the cosine."""
        counts = np.bincount(self.row, minlength=self.n_queries)
        column = nth_of_run(counts)
        shape = (self.n_queries, int(counts.max(initial=0)))
        entry, mask, similarity = np.zeros(shape, np.int64), np.zeros(shape, bool), np.zeros(shape, np.float32)
        entry[self.row, column], mask[self.row, column] = self.entry, True
        similarity[self.row, column] = self.similarity
        found = torch.as_tensor(entry), torch.as_tensor(mask)
        return Neighbours(
            entry=found[0], mask=found[1], cosine=torch.as_tensor(similarity), pool_entry=found[0], pool_mask=found[1]
        )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Supported(Named):
    """The items that neighbours lead to, and what the neighbours are like.

    Attributes:
        support: number of each query's neighbours, the largest of their similarities and the sum, ``(n_queries, 3)``
            float32.
    """

    support: Tensor


class OverlapSearch:
    """An inverted index of the entries: item -> the entries whose prefix holds it, with a weight each.

    Attributes:
        memory: the entries; they have no keys.
    """

    def __init__(self, spec: Overlap, among: Among) -> None:
        """Index all entries whose targets may be used."""
        self._spec = spec
        self._among = among
        inputs, entries = among.inputs, among.entries
        prefixes = inputs.prefixes
        self.memory = Memory(
            prefix=entries,
            user=prefixes.user[entries],
            position=prefixes.position[entries],
            target=inputs.tensor(prefixes.target[entries]),
            keys=torch.empty(len(entries), 0),
        )
        self._visible = Visible(among)
        held = Holdings.of(inputs.data, prefixes, entries)
        n_columns = inputs.data.n_items + 1
        time = self._visible.time
        self._holders = OlderCounts(held.item, None if time is None else time[held.row], n_columns)
        weight = (1.0 + held.lag) ** -spec.lag
        rarity = self._holders.before(held.item, None) ** -spec.rarity if time is None else 1.0
        weight *= rarity * held.length[held.row] ** -spec.length
        self._index = InvertedIndex(
            item=held.item, entry=held.row, weight=weight, n_columns=n_columns, n_entries=len(entries)
        )

    def __call__(self, prefix: Indices) -> Shared:
        """The neighbours of prefixes ``(n,)``, at most k each."""
        asked = Holdings.of(self._among.inputs.data, self._among.inputs.prefixes, prefix)
        weight: Floats = np.power(self._spec.decay, asked.lag, dtype=np.float64)
        if self._visible.time is not None:  # an item's rarity at the time of the query
            known = self._holders.before(asked.item, times_of(self._among.inputs, prefix)[asked.row])
            weight = weight * np.power(np.maximum(known, 1), -self._spec.rarity, dtype=np.float64)
        parts = self._index.pairs(prefix, row=asked.row, item=asked.item, weight=weight)
        rows, entries, similarities = zip(*map(self._best, parts), strict=True)
        found = Shared(
            row=np.concatenate(rows),
            entry=np.concatenate(entries),
            similarity=np.concatenate(similarities),
            n_queries=len(prefix),
        )
        if self._among.observer is not unobserved:
            self._among.observer(found.best_first().as_neighbours(), self.memory, self._among.inputs, prefix)
        return found

    def allowed(self, prefix: Indices, row: Whole, entry: Whole) -> Mask:
        """See :meth:`Visible.allowed`."""
        return self._visible.allowed(prefix, row, entry)

    def of_another(self, found: Shared, prefix: Indices) -> Shared:
        """Each query's neighbours moved to the next of the prefixes ``(n,)``, without those it may not see."""
        row = (found.row + 1) % max(found.n_queries, 1)
        order = np.argsort(row, kind="stable")
        row, entry, similarity = row[order], found.entry[order], found.similarity[order]
        allowed = self.allowed(prefix, row, entry)
        return Shared(row=row[allowed], entry=entry[allowed], similarity=similarity[allowed], n_queries=found.n_queries)

    def named(self, found: Shared) -> Supported:
        """What neighbours say for each item that they lead to."""
        inputs = self._among.inputs
        n_columns = inputs.data.n_items + 1
        cell, which = np.unique(found.row * n_columns + self._visible.target[found.entry], return_inverse=True)
        mass = np.bincount(which, weights=found.weights(), minlength=len(cell)).astype(np.float32)
        row, item = np.divmod(cell, n_columns)
        tensor = inputs.tensor
        return Supported(
            row=tensor(row.astype(np.int32)),
            item=tensor(item.astype(np.int32)),
            mass=tensor(mass),
            support=tensor(found.support().astype(np.float32)),
        )

    def _best(self, part: Part) -> tuple[Indices, Whole, Floats]:
        """The k best entries that each query may see: row, entry and similarity.

        In long rows only pairs above a bound are checked; if too few of them are allowed, the whole row is.
        """
        n_rows, k = len(part.prefix), self._spec.k
        bounds = likely_bounds(part.row, part.weight, k=k, n_rows=n_rows)
        bounded = bounds > -np.inf
        row, entry, similarity = part.row, part.entry, part.weight
        if bounded.any():
            row, entry, similarity = _where(similarity >= bounds[row], row, entry, similarity)
        row, entry, similarity = _where(self._visible.allowed(part.prefix, row, entry), row, entry, similarity)
        few = bounded & (np.bincount(row, minlength=n_rows) < k)
        if few.any():
            whole = _where(few[part.row], part.row, part.entry, part.weight)
            whole = _where(self._visible.allowed(part.prefix, *whole[:2]), *whole)
            rest = _where(~few[row], row, entry, similarity)
            order = np.argsort(np.append(rest[0], whole[0]), kind="stable")
            row, entry = np.append(rest[0], whole[0])[order], np.append(rest[1], whole[1])[order]
            similarity = np.append(rest[2], whole[2])[order]
        kept = best_of_each_row(row, entry, similarity, k=k, n_rows=n_rows)
        row, entry, similarity = _where(kept, row, entry, similarity)
        return row.astype(np.int64) + part.first, entry, similarity


def _where(chosen: Mask, row: Whole, entry: Whole, similarity: Floats) -> tuple[Whole, Whole, Floats]:
    places = np.flatnonzero(chosen)
    return row[places], entry[places], similarity[places]


class OverlapMass(LiveMass):
    """The mass of the neighbours that share items; each batch of queries is searched once."""

    def __init__(self, search: OverlapSearch, find: Callable[[Indices], Shared] | None = None) -> None:
        """Use the neighbours that ``find`` returns; by default, those of the search."""
        self.search = search
        self._find = find or search
        self._found: dict[bytes, Supported] = {}

    def of_another(self, inputs: Inputs) -> OverlapMass:
        return OverlapMass(self.search, lambda prefix: self.search.of_another(self._find(prefix), prefix))

    def named(self, sequence: Tensor, prefix: Indices) -> Supported:
        batch = batch_key(prefix)
        if batch not in self._found:
            self._found[batch] = self.search.named(self._find(prefix))
        return self._found[batch]
