"""The mass that a query's neighbours give to each item: a distribution over the catalogue."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
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


class LiveMass(Protocol):
    """The mass of one kind of neighbours."""

    def distribution(self, sequence: Tensor, prefix: Indices, *, n_columns: int) -> Tensor:
        """``m_i = sum_j w_j [y_j = i]`` of prefixes ``(batch,)`` with vectors ``(batch, d)``, ``(batch, n_columns)``.

        A row sums to 1, or is all zeros if the query has no neighbour.
        """
        ...

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


class DenseMass:
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

    def distribution(self, sequence: Tensor, prefix: Indices, *, n_columns: int) -> Tensor:
        neighbours = self.neighbours(sequence, prefix)
        weights = masked_softmax(neighbours.cosine / self._temperature, neighbours.mask)
        empty = weights.new_zeros(len(weights), n_columns)
        return empty.scatter_add(1, self.memory.target[neighbours.entry], weights)

    def neighbours(self, sequence: Tensor, prefix: Indices) -> Neighbours:
        """Neighbours of the prefixes; they never change, so each batch is searched once."""
        batch = batch_key(prefix)
        if batch not in self._found:
            found = self._find(sequence, prefix)
            # The pool is several times as large as the neighbours and is not needed here.
            self._found[batch] = replace(found, pool_entry=found.entry, pool_mask=found.mask)
        return self._found[batch]
