"""The neighbours of a batch, and everything that a choice per sample may use."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from torch import Tensor

    from harness.data.split import Indices
    from harness.engine.types.inputs import Inputs
    from harness.engine.types.memory import Memory


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Neighbours:
    """The neighbours of a batch, best first, and the pool that they were chosen from.

    Attributes:
        entry: entry number in the memory, 0 where there is none, ``(batch, k)`` int64.
        mask: which neighbours exist, ``(batch, k)`` bool.
        cosine: similarity of normalised query and key, 0 where there is none, ``(batch, k)``.
        pool_entry: every hit of the index in its order, 0 where there is none, ``(batch, n_hits)`` int64.
        pool_mask: which of them exist and are allowed, ``(batch, n_hits)`` bool.
    """

    entry: Tensor
    mask: Tensor
    cosine: Tensor
    pool_entry: Tensor
    pool_mask: Tensor

    @property
    def any(self) -> Tensor:
        """Which samples have at least one neighbour, ``(batch,)`` bool."""
        return self.mask.any(dim=1)

    @property
    def count(self) -> Tensor:
        """Neighbours of each sample, ``(batch,)``."""
        return self.mask.sum(dim=1)

    @property
    def mean_cosine(self) -> Tensor:
        """Mean over the neighbours that exist, 0 without any, ``(batch,)``."""
        return self.cosine.sum(dim=1) / self.count.clamp(min=1)


SearchObserver = Callable[[Neighbours, "Memory", "Inputs", "Indices"], None]
"""Called after every search with the neighbours of prefixes ``(batch,)`` in a memory; must not change them."""


def unobserved(found: Neighbours, memory: Memory, inputs: Inputs, prefix: Indices) -> None:
    """Observe nothing; the default observer."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Retrieved:
    """A batch of prefixes with its neighbours.

    Attributes:
        prefix: prefix numbers, ``(batch,)``.
        sequence: backbone vectors ``s``, ``(batch, d)``.
        query: ``R(s)``, ``(batch, d)``.
        neighbours: the result of the search.
        memory: the memory that was searched.
        inputs: data, and the current backbone and encodings.
    """

    prefix: Indices
    sequence: Tensor
    query: Tensor
    neighbours: Neighbours
    memory: Memory
    inputs: Inputs

    @property
    def histories(self) -> Tensor:
        """Clean backbone vectors of the neighbours' own prefixes, ``(batch, k, d)``."""
        return self.inputs.encodings[self.memory.prefixes_of(self.neighbours.entry)]

    @property
    def target_embeddings(self) -> Tensor:
        """Embeddings of the neighbours' targets, ``(batch, k, d)``."""
        return self.inputs.item_matrix[self.memory.target[self.neighbours.entry]]

    def each_alone(self) -> Retrieved:
        """Each sample once per neighbour place, with that neighbour alone, ``batch * k`` rows."""
        k = self.neighbours.entry.shape[1]
        found = self.neighbours
        return replace(
            self,
            prefix=np.repeat(self.prefix, k),
            sequence=self.sequence.repeat_interleave(k, dim=0),
            query=self.query.repeat_interleave(k, dim=0),
            neighbours=Neighbours(
                entry=found.entry.reshape(-1, 1),
                mask=found.mask.reshape(-1, 1),
                cosine=found.cosine.reshape(-1, 1),
                pool_entry=found.pool_entry.repeat_interleave(k, dim=0),
                pool_mask=found.pool_mask.repeat_interleave(k, dim=0),
            ),
        )

    def rows(self, rows: slice) -> Retrieved:
        """A slice of the batch."""
        found = self.neighbours
        return replace(
            self,
            prefix=self.prefix[rows],
            sequence=self.sequence[rows],
            query=self.query[rows],
            neighbours=Neighbours(
                entry=found.entry[rows],
                mask=found.mask[rows],
                cosine=found.cosine[rows],
                pool_entry=found.pool_entry[rows],
                pool_mask=found.pool_mask[rows],
            ),
        )
