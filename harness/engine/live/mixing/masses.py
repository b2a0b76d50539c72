"""The mass that a query's neighbours give to each item: a distribution over the catalogue."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import torch
from torch import Tensor

from harness.data.split import Indices
from harness.engine.live.history import allowed_by_protocol
from harness.engine.live.softmax import masked_softmax
from harness.engine.types.inputs import Inputs
from harness.engine.types.memory import Memory
from harness.engine.types.retrieved import Neighbours
from harness.engine.types.vectors import batch_key

Find = Callable[[Tensor, Indices], Neighbours]
"""Neighbours of prefixes ``(batch,)`` with backbone vectors ``s``, ``(batch, d)``."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Named:
    """The items that the neighbours of some queries lead to, each with its mass.

    Attributes:
        row: number of the query, ascending, ``(n,)`` int32.
        item: each at most once per query, ascending within it, ``(n,)`` int32.
        mass: above 0, ``(n,)`` float32.
    """

    row: Tensor
    item: Tensor
    mass: Tensor

    @classmethod
    def of(cls, masses: Tensor) -> Named:
        """The masses above 0 of a table ``(n_queries, n_columns)``."""
        row, item = masses.nonzero(as_tuple=True)
        return cls(row=row.int(), item=item.int(), mass=masses[row, item])

    @classmethod
    def summed(cls, row: Tensor, item: Tensor, mass: Tensor) -> Named:
        """The sum of the masses of each query and item, all ``(n,)``; pairs without mass are dropped."""
        n_columns = int(item.max()) + 1 if len(item) else 1
        pair, which = (row * n_columns + item).unique(return_inverse=True)
        total = mass.new_zeros(len(pair)).index_add_(0, which, mass)
        kept = total > 0
        pair = pair[kept]
        return cls(row=(pair // n_columns).int(), item=(pair % n_columns).int(), mass=total[kept])

    @classmethod
    def mean(cls, each: Sequence[Named]) -> Named:
        """The mean over several kinds of neighbours of the same queries."""
        if len(each) == 1:
            return each[0]
        row, item, mass = (torch.cat([getattr(one, name) for one in each]) for name in ("row", "item", "mass"))
        total = cls.summed(row.long(), item.long(), mass)
        return replace(total, mass=total.mass / len(each))

    @property
    def places(self) -> tuple[Tensor, Tensor]:
        """Row and item as an index of a table."""
        return self.row.long(), self.item.long()

    def spread(self, n_queries: int, n_columns: int) -> Tensor:
        """The masses of all items, ``(n_queries, n_columns)``."""
        return self.mass.new_zeros(n_queries, n_columns).index_put_(self.places, self.mass)

    def at(self, item: Tensor) -> Tensor:
        """The masses of the items of each query, ``(n_queries, size)``; 0 where no neighbour leads to one."""
        if not len(self.mass):
            return self.mass.new_zeros(item.shape)
        n_columns = max(int(self.item.max()), int(item.max())) + 1
        row, own = self.places
        known = row * n_columns + own
        wanted = torch.arange(len(item), device=item.device)[:, None] * n_columns + item
        place = torch.searchsorted(known, wanted).clamp_(max=len(known) - 1)
        return self.mass[place].where(known[place] == wanted, 0.0)


class LiveMass(Protocol):
    """One kind of neighbours: ``m_i = sum_j w_j [y_j = i]``, which sums to 1, or to 0 without a neighbour."""

    def named(self, sequence: Tensor, prefix: Indices) -> Named:
        """The masses above 0 of prefixes ``(batch,)`` with vectors ``(batch, d)``."""
        ...

    def distribution(self, sequence: Tensor, prefix: Indices, *, n_columns: int) -> Tensor:
        """The masses of all items, ``(batch, n_columns)``."""
        return self.named(sequence, prefix).spread(len(prefix), n_columns)

    def of_another(self, inputs: Inputs) -> LiveMass:
        """This mass with each query's neighbours replaced by the previous query's (for the first, the last one's).

        Neighbours that the protocol hides from the receiving query are removed.
        """
        ...


def memory_of_sequences(inputs: Inputs, entries: Indices) -> Memory:
    """A memory of the prefixes ``entries``, ``(N,)``, whose keys are their clean ``s``, normalised."""
    prefixes = inputs.prefixes
    return Memory(
        prefix=entries,
        user=prefixes.user[entries],
        position=prefixes.position[entries],
        target=inputs.tensor(prefixes.target[entries]),
        keys=torch.nn.functional.normalize(inputs.encodings[inputs.tensor(entries)], dim=1),
    )


class DenseMass(LiveMass):
    """The mass of the nearest neighbours by vector, each with weight ``w_j = softmax_j(cosine_j / tau)``.

    Args:
        temperature: tau.
        memory: the memory that is searched.
        find: the search.
    """

    def __init__(self, *, temperature: float, memory: Memory, find: Find) -> None:
        self._temperature = temperature
        self.memory = memory
        self._find = find
        self._found: dict[bytes, Neighbours] = {}

    def finding(self, find: Find) -> DenseMass:
        """This mass with another search."""
        return DenseMass(temperature=self._temperature, memory=self.memory, find=find)

    def of_another(self, inputs: Inputs) -> DenseMass:
        def find(sequence: Tensor, prefix: Indices) -> Neighbours:
            found = self.neighbours(sequence, prefix)
            entry, mask = found.entry.roll(1, dims=0), found.mask.roll(1, dims=0)
            allowed = allowed_by_protocol(inputs, self.memory, prefix, entry.numpy(), mask.numpy())
            return replace(found, entry=entry, mask=torch.as_tensor(allowed), cosine=found.cosine.roll(1, dims=0))

        return self.finding(find)

    def named(self, sequence: Tensor, prefix: Indices) -> Named:
        neighbours = self.neighbours(sequence, prefix)
        weights = masked_softmax(neighbours.cosine / self._temperature, neighbours.mask)
        row = torch.arange(len(weights), device=weights.device)[:, None].expand_as(weights)
        return Named.summed(row.flatten(), self.memory.target[neighbours.entry].flatten(), weights.flatten())

    def neighbours(self, sequence: Tensor, prefix: Indices) -> Neighbours:
        """Neighbours of the prefixes; they never change, so each batch is searched once."""
        batch = batch_key(prefix)
        if batch not in self._found:
            found = self._find(sequence, prefix)
            # The pool is several times as large as the neighbours and is not needed here.
            self._found[batch] = replace(found, pool_entry=found.entry, pool_mask=found.mask)
        return self._found[batch]
