"""Seam ``index``: several indexes, over the same entries or over ranges of their prefix length."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum
from typing import TYPE_CHECKING

import numpy as np

from harness.data.split import Indices
from harness.engine.live.composite_index import Merged, Ranged, range_of
from harness.engine.types.snapshot import LiveIndex
from harness.recipe.seams.retrieval.index import Index

if TYPE_CHECKING:
    from harness.engine.types.inputs import Inputs
    from harness.engine.types.memory import Memory


class Merge(Enum):
    """How the members' hit lists are merged."""

    RECIPROCAL_RANK = "rrf"
    MEAN = "mean"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ensemble:
    """Several members, each built by ``member`` with its own seed; every third one searches in the backbone's space.

    ``rrf`` orders the hits by ``sum_m 1 / (60 + rank_m)`` over the members that found them (Cormack, Clarke and
    Buettcher, SIGIR 2009). ``mean`` orders them by their mean cosine over all members, each in its own space, also
    those that did not find them. Ties go to the closer entry, then to the smaller number. Source: problem list 10.3.

    Attributes:
        member: the spec that every member is built from.
        members: number of members.
        merge: how the members' hit lists are merged.
    """

    member: Index
    members: int
    merge: Merge

    @property
    def ranges(self) -> tuple[int, ...]:
        return ()

    def build(self, memory: Memory, inputs: Inputs, seed: int) -> LiveIndex:
        """Return the merged index; the members' seeds are ``seed``, ``seed + 1``, and so on."""
        backbone = replace(memory, keys=inputs.encodings[inputs.tensor(memory.prefix)])
        in_backbone = [number % 3 == 2 for number in range(self.members)]
        return Merged(
            members=[
                self.member.build(backbone if there else memory, inputs, seed + number)
                for number, there in enumerate(in_backbone)
            ],
            in_backbone=in_backbone,
            keys=memory.normalised_keys(),
            backbone_keys=backbone.normalised_keys() if any(in_backbone) else None,
            by_mean=self.merge is Merge.MEAN,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ByLength:
    """One index per range of the entries' prefix length, for ranges that have entries.  Source: problem list 9.2.

    A search takes ``n_hits`` from each index and returns all of them, by decreasing cosine.

    Attributes:
        edges: the maximum length of each range except the last, which is open, in items.
        within: the spec of the index of one range.
    """

    edges: tuple[int, ...]
    within: Index

    @property
    def ranges(self) -> tuple[int, ...]:
        return self.edges

    def build(self, memory: Memory, inputs: Inputs, seed: int) -> LiveIndex:
        """Return the indexes of the ranges as one; all are built with ``seed``."""
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
