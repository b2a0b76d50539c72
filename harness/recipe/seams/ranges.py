"""Seams ``index`` and ``selection``: search within ranges of the entry's length, take the best of each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from harness.data.split import Indices
from harness.engine.live.ranged import Ranged
from harness.engine.types.snapshot import LiveIndex
from harness.engine.types.vectors import Mask
from harness.recipe.seams.index import Index
from harness.recipe.seams.search import Hits

if TYPE_CHECKING:
    from harness.engine.types.inputs import Inputs
    from harness.engine.types.memory import Memory


def range_of(position: Indices, edges: Sequence[int]) -> Indices:
    """Which range a prefix length is in: up to the first edge, from there to the second, ..., over the last.

    >>> range_of(np.array([1, 2, 3, 20, 21]), (2, 5, 10, 20)).tolist()
    [0, 0, 1, 3, 4]
    """
    return np.searchsorted(np.asarray(edges), position, side="left")


@dataclass(frozen=True, slots=True, kw_only=True)
class ByLength:
    """One index for each range of the entries' prefix length that has entries.  Source: seed 9.2.

    A search asks each of them for ``n_hits`` and gives all that they found, by falling cosine.

    Attributes:
        edges: the last length of every range but the open one, in items.
        within: the index within a range.
    """

    edges: tuple[int, ...]
    within: Index

    @property
    def ranges(self) -> tuple[int, ...]:
        return self.edges

    def build(self, memory: Memory, inputs: Inputs, seed: int) -> LiveIndex:
        """The indexes of the ranges, all from ``seed``."""
        number = range_of(memory.position, self.edges)
        parts: list[tuple[Indices, LiveIndex]] = []
        for each in np.unique(number):
            entries = np.flatnonzero(number == each)
            part = replace(
                memory,
                prefix=memory.prefix[entries],
                user=memory.user[entries],
                position=memory.position[entries],
                target=memory.target[inputs.tensor(entries)],
                keys=memory.keys[inputs.tensor(entries)],
            )
            parts.append((entries, self.within.build(part, inputs, seed)))
        return Ranged(parts)


@dataclass(frozen=True, slots=True, kw_only=True)
class BestPerRange:
    """The first ``per_range`` allowed hits of every range of the entry's length, in the index's order.

    Source: seed 9.2.

    Attributes:
        edges: as those of the index.
        per_range: neighbours of a range.
        oversample: hits a neighbour, asked of every range.
    """

    edges: tuple[int, ...]
    per_range: int
    oversample: int = 4

    @property
    def ranges(self) -> tuple[int, ...]:
        return self.edges

    @property
    def n_hits(self) -> int:
        """Hits to ask every range for."""
        return self.per_range * self.oversample

    def choose(self, hits: Hits) -> tuple[Indices, Mask]:
        number = range_of(hits.memory.position[hits.entry], self.edges)
        kept = np.zeros_like(hits.allowed)
        for each in range(len(self.edges) + 1):
            inside = hits.allowed & (number == each)
            kept |= inside & (np.cumsum(inside, axis=1) <= self.per_range)
        columns = np.argsort(~kept, axis=1, kind="stable")[:, : self.per_range * (len(self.edges) + 1)]
        return columns, np.take_along_axis(kept, columns, axis=1)
