"""Seams ``search_query``, ``exclusion``, ``filters`` and ``selection``: how a query's neighbours are found."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, ClassVar, Protocol

import numpy as np

from harness.data.history import FirstEvents
from harness.data.split import Indices
from harness.engine.live.history import allowed_by_protocol
from harness.engine.types.among import Exclusion
from harness.engine.types.memory import Memory
from harness.engine.types.retrieved import Neighbours, SearchObserver, unobserved
from harness.engine.types.vectors import MISSING, Mask, Vectors

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor

    from harness.data.interactions import Interactions
    from harness.engine.types.inputs import Inputs
    from harness.engine.types.snapshot import LiveIndex


class Stage(Enum):
    """Whether a search is part of training or of evaluation."""

    TRAIN = "train"
    EVAL = "eval"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Hits:
    """The hits of a batch, in the index's order.

    Attributes:
        cosine: cosine of query and key, ``(batch, n_hits)``.
        entry: entry number, 0 where there is none, ``(batch, n_hits)``.
        allowed: which hits exist and are permitted, ``(batch, n_hits)``.
        memory: the memory of the entries.
        inputs: data, backbone and encodings.
    """

    cosine: Vectors
    entry: Indices
    allowed: Mask
    memory: Memory
    inputs: Inputs


class Selection(Protocol):
    """A spec of the seam ``selection``: which hits become neighbours.

    Attributes:
        ranges: must equal the index's ``ranges``; empty: the memory is searched as one range.
    """

    @property
    def ranges(self) -> tuple[int, ...]: ...

    @property
    def n_hits(self) -> int:
        """Number of hits to request from the index."""
        ...

    def choose(self, hits: Hits) -> tuple[Indices, Mask]:
        """Return the columns of the chosen hits, best first, and which of them exist, ``(batch, k)`` each."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class ShorterOwnPrefix:
    """Entries of the query's own user are permitted only if their prefix is strictly shorter.  Source: point 4.

    Lengths are clipped, so a user's own earlier entries are also dropped if both lengths reach ``clip``.

    Attributes:
        clip: the maximum history length that the model reads, in items.
    """

    clip: int = 50

    def allowed(
        self, *, query_user: Indices, query_position: Indices, entry_user: Indices, entry_position: Indices
    ) -> Mask:
        own = entry_user == query_user[:, None]
        shorter = np.minimum(entry_position, self.clip) < np.minimum(query_position, self.clip)[:, None]
        return ~own | shorter


@dataclass(frozen=True, slots=True, kw_only=True)
class TopK:
    """The first k allowed hits of ``oversample`` x k.  Source: FTragrec as published, point 4."""

    k: int = 5
    oversample: int = 4

    @property
    def ranges(self) -> tuple[int, ...]:
        return ()

    @property
    def n_hits(self) -> int:
        return self.k * self.oversample

    def choose(self, hits: Hits) -> tuple[Indices, Mask]:
        columns = np.argsort(~hits.allowed, axis=1, kind="stable")[:, : self.k]
        return columns, np.take_along_axis(hits.allowed, columns, axis=1)


class SearchQuery(Protocol):
    """A spec of the seam ``search_query``: the vectors that the search uses.

    Attributes:
        same_in_both_stages: whether a prefix retrieves the same neighbours in training and in evaluation.
    """

    same_in_both_stages: ClassVar[bool]

    def choose(
        self, query: Tensor, sequence: Tensor, clean: Callable[[], tuple[Tensor, Tensor]]
    ) -> tuple[Tensor, Tensor]:
        """Return the search vectors in the place of ``R(s)`` and of ``s``, ``(batch, d)`` each.

        Args:
            query: the batch's ``R(s)``, with dropout.
            sequence: the batch's ``s``.
            clean: returns both without dropout.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchQuery:
    """The search uses the batch's own ``R(s)``, with dropout.  Source: FTragrec as published, point 4."""

    same_in_both_stages: ClassVar[bool] = False

    def choose(
        self, query: Tensor, sequence: Tensor, clean: Callable[[], tuple[Tensor, Tensor]]
    ) -> tuple[Tensor, Tensor]:
        return query, sequence


@dataclass(frozen=True, slots=True, kw_only=True)
class CleanQuery:
    """The search uses clean vectors as in evaluation: ``s`` and ``R(s)`` without dropout.  Source: problem list 8.1."""

    same_in_both_stages: ClassVar[bool] = True

    def choose(
        self, query: Tensor, sequence: Tensor, clean: Callable[[], tuple[Tensor, Tensor]]
    ) -> tuple[Tensor, Tensor]:
        return clean()


class HitFilter(Protocol):
    """An entry of the additive seam ``filters``; a hit must pass all filters.

    Attributes:
        stages: the stages in which the filter acts.
    """

    @property
    def stages(self) -> tuple[Stage, ...]: ...

    def allowed(self, cosine: Vectors, stage: Stage) -> Mask:
        """Return which hits stay, given their cosines ``(batch, n_hits)``."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class MinimumCosine:
    """Drops hits below a minimum cosine.

    Source: problem list 3.3, whose snippet uses a raw product, which all hits pass.

    Attributes:
        threshold: the minimum cosine.
        stages: the stages in which it acts.
    """

    threshold: float
    stages: tuple[Stage, ...]

    def allowed(self, cosine: Vectors, stage: Stage) -> Mask:
        if stage not in self.stages:
            return np.ones(cosine.shape, dtype=bool)
        return cosine >= np.float32(self.threshold)


@dataclass(frozen=True, slots=True, kw_only=True)
class NeighbourSearch:
    """The complete search: hits of the index, without those that recipe or protocol forbid, then the selection.

    Attributes:
        observer: called with the result of each search.
    """

    exclusion: Exclusion
    filters: tuple[HitFilter, ...]
    selection: Selection
    observer: SearchObserver = unobserved

    def __call__(
        self,
        *,
        index: LiveIndex,
        memory: Memory,
        inputs: Inputs,
        query: Tensor,
        sequence: Tensor,
        prefix: Indices,
        stage: Stage,
    ) -> Neighbours:
        """Return the neighbours of prefixes ``(batch,)``, searched with ``R(s)`` and ``s``, ``(batch, d)`` each."""
        cosine, entry = index.search(_normalised(query), _normalised(sequence), self.selection.n_hits)
        found = entry != MISSING
        entry = np.where(found, entry, 0)
        allowed = found & self.exclusion.allowed(
            query_user=inputs.prefixes.user[prefix],
            query_position=inputs.prefixes.position[prefix],
            entry_user=memory.user[entry],
            entry_position=memory.position[entry],
        )
        allowed = allowed_by_protocol(inputs, memory, prefix, entry, allowed)
        for each in self.filters:
            allowed &= each.allowed(cosine, stage)
        hits = Hits(cosine=cosine, entry=entry, allowed=allowed, memory=memory, inputs=inputs)
        columns, mask = self.selection.choose(hits)
        chosen = np.where(mask, np.take_along_axis(entry, columns, axis=1), 0)
        similarity = np.where(mask, np.take_along_axis(cosine, columns, axis=1), np.float32(0))
        neighbours = Neighbours(
            entry=inputs.tensor(chosen),
            mask=inputs.tensor(mask),
            cosine=inputs.tensor(similarity),
            pool_entry=inputs.tensor(entry),
            pool_mask=inputs.tensor(allowed),
        )
        self.observer(neighbours, memory, inputs, prefix)
        return neighbours


def _normalised(vectors: Tensor) -> Vectors:
    import torch

    return torch.nn.functional.normalize(vectors.detach(), dim=1).numpy()


class NewItemsOnly:
    """An exclusion rule that also forbids entries whose target occurs before the query's position."""

    def __init__(self, rule: Exclusion, data: Interactions) -> None:
        """Extend ``rule``."""
        self._rule = rule
        self._data = data
        self._first = FirstEvents.of(data)

    def allowed(
        self, *, query_user: Indices, query_position: Indices, entry_user: Indices, entry_position: Indices
    ) -> Mask:
        """Return which hits ``(batch, n_hits)`` of queries ``(batch,)`` are permitted."""
        target = self._data.items[self._data.offsets[entry_user] + entry_position]
        kept = self._rule.allowed(
            query_user=query_user,
            query_position=query_position,
            entry_user=entry_user,
            entry_position=entry_position,
        )
        return kept & ~self._first.had(query_user, target, query_position)
