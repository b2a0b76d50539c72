"""Seams ``index``, ``selection``, ``exclusion`` and ``filters``: from a query to at most k neighbours."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from harness.data.split import Indices
from harness.ftragrec.memory import Memory

if TYPE_CHECKING:
    from torch import Tensor

Vectors = NDArray[np.float32]
Mask = NDArray[np.bool_]
MISSING = -1
"""What FAISS puts where a list holds fewer hits than were asked for."""


class Stage(Enum):
    """Why neighbours are searched."""

    TRAIN = "train"
    EVAL = "eval"


class LiveIndex(Protocol):
    """A built index over L2-normalised keys."""

    def search(self, queries: Vectors, n_hits: int) -> tuple[Vectors, Indices]:
        """Cosine and entry number of the best hits, best first, ``(batch, n_hits)`` each; :data:`MISSING` fills up."""
        ...


class Index(Protocol):
    """A spec of the seam ``index``."""

    def build(self, keys: Vectors, seed: int) -> LiveIndex:
        """An index over normalised keys ``(N, d)``, N at least 1."""
        ...


class Exclusion(Protocol):
    """A spec of the seam ``exclusion``: the rule that keeps a query from its own future."""

    def allowed(
        self, *, query_user: Indices, query_position: Indices, entry_user: Indices, entry_position: Indices
    ) -> Mask:
        """Which hits may stay: queries ``(batch,)`` against their hits ``(batch, n_hits)``."""
        ...


class Selection(Protocol):
    """A spec of the seam ``selection``."""

    @property
    def n_hits(self) -> int:
        """Hits to ask the index for."""
        ...

    def choose(self, allowed: Mask) -> tuple[Indices, Mask]:
        """Columns of the chosen hits, best first, and which of them exist, ``(batch, k)`` each."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class IVFFlat:
    """FAISS IVFFlat, inner product over normalised keys.  Source: FTragrec as found, point 2.

    Attributes:
        max_lists: ``nlist`` at most.
        entries_per_list: ``nlist`` is at most N // this.
        nprobe: lists visited a query.
    """

    max_lists: int = 128
    entries_per_list: int = 39
    nprobe: int = 10

    def build(self, keys: Vectors, seed: int) -> LiveIndex:
        import faiss

        n_entries, width = keys.shape
        n_lists = max(1, min(self.max_lists, n_entries // self.entries_per_list))
        index: Any = faiss.IndexIVFFlat(faiss.IndexFlatIP(width), width, n_lists, faiss.METRIC_INNER_PRODUCT)
        index.cp.seed = seed
        index.train(keys)
        index.add(keys)
        index.nprobe = self.nprobe
        return _Faiss(index)


@dataclass(frozen=True, slots=True, kw_only=True)
class Flat:
    """Exact search, inner product over normalised keys."""

    def build(self, keys: Vectors, seed: int) -> LiveIndex:
        import faiss

        index: Any = faiss.IndexFlatIP(keys.shape[1])
        index.add(keys)
        return _Faiss(index)


class _Faiss:
    def __init__(self, index: Any) -> None:
        self._index = index

    def search(self, queries: Vectors, n_hits: int) -> tuple[Vectors, Indices]:
        cosine, entry = self._index.search(queries, n_hits)
        return cosine, entry


@dataclass(frozen=True, slots=True, kw_only=True)
class ShorterOwnPrefix:
    """A query sees entries of its own user only where their prefix is strictly shorter.  Source: point 4.

    Lengths are clipped, so a long user's own earlier entries of full length are dropped as well.

    Attributes:
        clip: the longest history the model reads, in items.
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
    """The first k allowed of ``oversample`` x k hits.  Source: FTragrec as found, point 4."""

    k: int = 5
    oversample: int = 4

    @property
    def n_hits(self) -> int:
        return self.k * self.oversample

    def choose(self, allowed: Mask) -> tuple[Indices, Mask]:
        columns = np.argsort(~allowed, axis=1, kind="stable")[:, : self.k]
        return columns, np.take_along_axis(allowed, columns, axis=1)


class HitFilter(Protocol):
    """An entry of the additive seam ``filters``; all masks are and-ed."""

    def allowed(self, cosine: Vectors, stage: Stage) -> Mask:
        """Which hits may stay, from their cosines ``(batch, n_hits)``."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class MinimumCosine:
    """Hits under a cosine are masked.  Source: seed 3.3, whose snippet thresholds a raw product that all pass.

    Attributes:
        threshold: the smallest cosine that stays.
        stages: where the filter acts.
    """

    threshold: float
    stages: tuple[Stage, ...]

    def allowed(self, cosine: Vectors, stage: Stage) -> Mask:
        if stage not in self.stages:
            return np.ones(cosine.shape, dtype=bool)
        return cosine >= np.float32(self.threshold)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Neighbours:
    """What was retrieved for a batch, best first.

    Attributes:
        entry: entry number in the memory, 0 where there is none, ``(batch, k)`` int64.
        mask: which neighbours exist, ``(batch, k)`` bool.
        cosine: similarity of normalised query and key, 0 where there is none, ``(batch, k)``.
    """

    entry: Tensor
    mask: Tensor
    cosine: Tensor

    @property
    def any(self) -> Tensor:
        """Which samples have at least one neighbour, ``(batch,)`` bool."""
        return self.mask.any(dim=1)

    @property
    def count(self) -> Tensor:
        """Neighbours of each sample, ``(batch,)``."""
        return self.mask.sum(dim=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class NeighbourSearch:
    """The seams of the search together: index hits, minus what may not be seen, then the choice of k."""

    exclusion: Exclusion
    filters: tuple[HitFilter, ...]
    selection: Selection

    def __call__(
        self, *, index: LiveIndex, memory: Memory, queries: Tensor, user: Indices, position: Indices, stage: Stage
    ) -> Neighbours:
        """Neighbours of queries ``(batch, d)`` that belong to ``user`` at ``position``, ``(batch,)`` each."""
        import torch

        normalised = torch.nn.functional.normalize(queries.detach(), dim=1).numpy()
        cosine, entry = index.search(normalised, self.selection.n_hits)
        found = entry != MISSING
        entry = np.where(found, entry, 0)
        allowed = found & self.exclusion.allowed(
            query_user=user,
            query_position=position,
            entry_user=memory.user[entry],
            entry_position=memory.position[entry],
        )
        for each in self.filters:
            allowed &= each.allowed(cosine, stage)
        columns, mask = self.selection.choose(allowed)
        chosen = np.where(mask, np.take_along_axis(entry, columns, axis=1), 0)
        similarity = np.where(mask, np.take_along_axis(cosine, columns, axis=1), np.float32(0))
        return Neighbours(
            entry=torch.from_numpy(chosen), mask=torch.from_numpy(mask), cosine=torch.from_numpy(similarity)
        )
