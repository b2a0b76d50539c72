"""Seam ``index``: several indexes, over the same entries or over ranges of their length."""

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
    """How the members' lists become one."""

    RECIPROCAL_RANK = "rrf"
    MEAN = "mean"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ensemble:
    """Members in turn: the index as it is, with another seed, and in the backbone's space; then anew.

    Reciprocal rank orders the hits by ``sum_m 1 / (60 + rank_m)`` over the members that found them (Cormack, Clarke and
    Buettcher, SIGIR 2009), mean by their mean cosine over all members, each in its own space, whether it
    found them or not. Ties go to the closer entry, then to the smaller number. Source: seed 10.3.

    Attributes:
        member: the index that every member is built by.
        members: how many.
        merge: how their lists become one.
    """

    member: Index
    members: int
    merge: Merge

    @property
    def ranges(self) -> tuple[int, ...]:
        return ()

    def build(self, memory: Memory, inputs: Inputs, seed: int) -> LiveIndex:
        """All members; the first has ``seed`` itself, the others the seeds after it."""
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
