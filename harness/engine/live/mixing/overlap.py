"""Neighbours that share items with a query, found by one sparse product."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any, Protocol, cast

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.sparse import csr_array
from torch import Tensor

from harness.data.history import had_before
from harness.data.protocol import Reach
from harness.data.split import Indices
from harness.engine.live.history import times_of
from harness.engine.live.mixing.holdings import Holdings
from harness.engine.live.pairs import nth_of_run
from harness.engine.types.among import Among
from harness.engine.types.inputs import Inputs
from harness.engine.types.memory import Memory
from harness.engine.types.retrieved import Neighbours, unobserved

Floats = NDArray[np.float64]
Whole = NDArray[np.integer[Any]]

PAIRS = 2**20
"""Pairs of query and entry that are compared at once, roughly: few enough for a processor's cache."""

LIKELY = 4
"""How many times the wanted neighbours should pass a first bound: some of them may not be seen by the query."""

SAMPLED = 8
"""One pair in so many decides that bound."""


class Overlap(Protocol):
    """How much a shared item counts, as of :class:`harness.recipe.seams.retrieval.neighbours.SharedItems`."""

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
    """Entries that share items with some queries, query by query, in no order there.

    Attributes:
        row: number of the query, ascending, ``(n,)``.
        entry: entry number in the memory, ``(n,)`` int32.
        similarity: above 0, ``(n,)``.
        n_queries: how many were asked.
    """

    row: Indices
    entry: Whole
    similarity: Floats
    n_queries: int

    def weights(self) -> Floats:
        """Each entry's part of its query's sum of similarities, ``(n,)``."""
        total = np.bincount(self.row, weights=self.similarity, minlength=self.n_queries)
        return self.similarity / total[self.row]

    def best_first(self) -> Shared:
        """The same with the most similar first in each query, equal ones by entry number."""
        order = np.lexsort((self.entry, -self.similarity, self.row))
        return replace(self, row=self.row[order], entry=self.entry[order], similarity=self.similarity[order])

    def as_neighbours(self) -> Neighbours:
        """The same as a table in this order; the similarity stands where the cosine does."""
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
class Named:
    """Items that neighbours lead to, and how much they say for each.

    Attributes:
        row: the query, ``(n,)`` int32.
        item: each once a query, ``(n,)`` int32.
        mass: above 0, ``(n,)`` float32.
    """

    row: Tensor
    item: Tensor
    mass: Tensor

    def spread(self, n_queries: int, n_columns: int) -> Tensor:
        """The masses of all items, ``(n_queries, n_columns)``."""
        empty = self.mass.new_zeros(n_queries, n_columns)
        return empty.index_put((self.row.long(), self.item.long()), self.mass)


class OverlapSearch:
    """An inverted index of the entries: item -> the entries that hold it, and how much each counts there.

    Attributes:
        memory: the entries; they have no keys.
    """

    def __init__(self, spec: Overlap, among: Among) -> None:
        """Over all entries whose targets may be seen."""
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
        self._target = prefixes.target[entries]
        self._time = times_of(inputs, entries) if prefixes.protocol.memory is Reach.PAST else None
        held = Holdings.of(inputs.data, prefixes, entries)
        holders = np.bincount(held.item, minlength=inputs.data.n_items + 1)
        weight = (1.0 + held.lag) ** -spec.lag
        weight *= holders[held.item] ** -spec.rarity * held.length[held.row] ** -spec.length
        shape = (inputs.data.n_items + 1, len(entries))
        self._holders = holders
        self._entries = csr_array((weight, (held.item, held.row)), shape=shape)

    def __call__(self, prefix: Indices) -> Shared:
        """The neighbours of prefixes ``(n,)``, at most k of each."""
        rows, entries, similarities = zip(*self._parts(prefix), strict=True)
        found = Shared(
            row=np.concatenate(rows),
            entry=np.concatenate(entries),
            similarity=np.concatenate(similarities),
            n_queries=len(prefix),
        )
        if self._among.observer is not unobserved:
            self._among.observer(found.best_first().as_neighbours(), self.memory, self._among.inputs, prefix)
        return found

    def of_another(self, found: Shared, prefix: Indices) -> Shared:
        """Each query's neighbours given to the next of the prefixes ``(n,)``, less what this one may not see."""
        row = (found.row + 1) % max(found.n_queries, 1)
        order = np.argsort(row, kind="stable")
        row, entry, similarity = row[order], found.entry[order], found.similarity[order]
        allowed = self.allowed(prefix, row, entry)
        return Shared(row=row[allowed], entry=entry[allowed], similarity=similarity[allowed], n_queries=found.n_queries)

    def named(self, found: Shared) -> Named:
        """What neighbours say for each item that they lead to."""
        inputs = self._among.inputs
        n_columns = inputs.data.n_items + 1
        cell, which = np.unique(found.row * n_columns + self._target[found.entry], return_inverse=True)
        mass = np.bincount(which, weights=found.weights(), minlength=len(cell)).astype(np.float32)
        row, item = np.divmod(cell, n_columns)
        tensor = inputs.tensor
        return Named(row=tensor(row.astype(np.int32)), item=tensor(item.astype(np.int32)), mass=tensor(mass))

    def _parts(self, prefix: Indices) -> Iterator[tuple[Indices, Whole, Floats]]:
        inputs = self._among.inputs
        asked = Holdings.of(inputs.data, inputs.prefixes, prefix)
        counts = np.bincount(asked.row, minlength=len(prefix))
        matrix = csr_array(
            (self._spec.decay**asked.lag, asked.item, np.append(0, np.cumsum(counts))),
            shape=(len(prefix), inputs.data.n_items + 1),
        )
        pairs = np.bincount(asked.row, weights=self._holders[asked.item], minlength=len(prefix))
        part = (np.cumsum(pairs) / PAIRS).astype(np.int64)
        for rows in np.split(np.arange(len(prefix)), np.flatnonzero(np.diff(part)) + 1):
            row, entry, similarity = self._compared(matrix[rows], prefix[rows])
            yield row + rows[0], entry, similarity

    def _compared(self, queries: csr_array, prefix: Indices, *, likely: int = LIKELY) -> tuple[Indices, Whole, Floats]:
        """The best that each may see: row, entry and similarity.

        Of long rows only pairs above a bound are looked at, which about ``likely`` times k pairs should pass. Where
        fewer than k of those may be seen, the whole row is.
        """
        k, n_rows = self._spec.k, len(prefix)
        product = cast("Any", queries @ self._entries)
        counts = np.diff(product.indptr)
        row = np.repeat(np.arange(n_rows, dtype=np.int32), counts)
        entry, similarity = cast("Whole", product.indices), cast("Floats", product.data)
        bound = _bounds(similarity, product.indptr, k * likely) if likely else np.full(n_rows, -np.inf)
        if (bound > -np.inf).any():
            passed = np.flatnonzero(similarity >= np.repeat(bound, counts))
            row, entry, similarity = row[passed], entry[passed], similarity[passed]
        allowed = self.allowed(prefix, row, entry)
        row, entry, similarity = row[allowed], entry[allowed], similarity[allowed]
        few = (bound > -np.inf) & (np.bincount(row, minlength=n_rows) < k)
        if few.any():
            again = np.flatnonzero(few)
            rest = ~few[row]
            whole = self._compared(queries[again], prefix[again], likely=0)
            row = np.concatenate([row[rest], again[whole[0]]])
            entry, similarity = np.concatenate([entry[rest], whole[1]]), np.concatenate([similarity[rest], whole[2]])
            order = np.argsort(row, kind="stable")
            row, entry, similarity = row[order], entry[order], similarity[order]
        kept = best_of_each_row(row, entry, similarity, k=k, n_rows=n_rows)
        return row[kept].astype(np.int64), entry[kept], similarity[kept]

    def allowed(self, prefix: Indices, row: Whole, entry: Whole) -> NDArray[np.bool_]:
        """Which pairs of query and entry neither the recipe's rule nor the protocol keeps apart, ``(n_pairs,)``."""
        inputs, memory = self._among.inputs, self.memory
        user, position = inputs.prefixes.user[prefix], inputs.prefixes.position[prefix]
        allowed = np.ones(len(row), dtype=bool)
        own = np.flatnonzero(memory.user[entry] == user[row])
        allowed[own] = self._among.exclusion.allowed(
            query_user=user[row[own]],
            query_position=position[row[own]],
            entry_user=memory.user[entry[own], None],
            entry_position=memory.position[entry[own], None],
        )[:, 0]
        if inputs.prefixes.protocol.hides_history:
            allowed &= ~had_before(inputs.data, user, position)[row, self._target[entry]]
        if self._time is not None:
            allowed &= self._time[entry] < times_of(inputs, prefix)[row]
        return allowed


def _bounds(similarity: Floats, starts: Indices, wanted: int) -> Floats:
    """What about ``wanted`` pairs of each row reach, from a sample of them; -inf of rows that are not much longer.

    Args:
        similarity: of all pairs, ``(n,)``.
        starts: where each row begins, and the end, ``(n_rows + 1,)``.
        wanted: pairs that should pass.
    """
    counts = np.diff(starts)
    bounds = np.full(len(counts), -np.inf)
    for row in np.flatnonzero(counts > 2 * wanted):
        sample = similarity[starts[row] : starts[row + 1] : SAMPLED]
        place = len(sample) - wanted // SAMPLED
        bounds[row] = np.partition(sample, place)[place]
    return bounds


def best_of_each_row(row: Whole, entry: Whole, similarity: Floats, *, k: int, n_rows: int) -> NDArray[np.bool_]:
    """Which pairs are among the k of largest similarity in their row; of equal ones the smaller entries are.

    Args:
        row: ascending, ``(n,)``.
        entry, similarity: of each pair, ``(n,)``.
        k: pairs that a row keeps at most.
        n_rows: how many rows there are.
    """
    counts = np.bincount(row, minlength=n_rows)
    starts = np.cumsum(counts) - counts
    least = np.full(n_rows, -np.inf)
    long = np.flatnonzero(counts > k)
    doublings = np.ceil(np.log2(counts[long]))
    for each in np.unique(doublings):  # rows of about one length are padded to one table
        rows = long[doublings == each]
        least[rows] = _kth_largest(similarity, starts[rows], counts[rows], k)
    kept = similarity >= least[row]
    over = np.bincount(row[kept], minlength=n_rows) > k
    if over.any():
        tied = np.flatnonzero(over[row] & (similarity == least[row]))
        tied = tied[np.lexsort((entry[tied], row[tied]))]
        ties = np.bincount(row[tied], minlength=n_rows)
        above = np.bincount(row[kept], minlength=n_rows) - ties
        kept[tied[nth_of_run(ties) >= k - above[row[tied]]]] = False
    return kept


def _kth_largest(values: Floats, starts: Indices, counts: Indices, k: int) -> Floats:
    """Of each run of values, at least k long, ``(n_runs,)``."""
    table = np.full((len(starts), counts.max()), np.inf)
    column = np.arange(table.shape[1])
    inside = column < counts[:, None]
    table[inside] = -values[(starts[:, None] + column)[inside]]
    return -np.partition(table, k - 1, axis=1)[:, k - 1]


class OverlapMass:
    """How much the neighbours that share items say for each item; each batch of queries is searched once."""

    def __init__(self, search: OverlapSearch, find: Callable[[Indices], Shared] | None = None) -> None:
        """Over what ``find`` finds; by default what the search does."""
        self.search = search
        self._find = find or search
        self._found: dict[bytes, Named] = {}

    def of_another(self, inputs: Inputs) -> OverlapMass:
        return OverlapMass(self.search, lambda prefix: self.search.of_another(self._find(prefix), prefix))

    def distribution(self, sequence: Tensor, prefix: Indices, *, n_columns: int) -> Tensor:
        return self.named(prefix).spread(len(prefix), n_columns)

    def named(self, prefix: Indices) -> Named:
        """Every item that the neighbours of prefixes ``(batch,)`` lead to."""
        batch = np.ascontiguousarray(prefix).tobytes()
        if batch not in self._found:
            self._found[batch] = self.search.named(self._find(prefix))
        return self._found[batch]
