"""Seam ``index``: from a query to its nearest entries."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from harness.data.split import Indices
from harness.ftragrec.exact import Exact
from harness.ftragrec.listwise import Listwise

if TYPE_CHECKING:
    from collections.abc import Callable

    from harness.ftragrec.inputs import Inputs
    from harness.ftragrec.memory import Memory

Vectors = NDArray[np.float32]


class LiveIndex(Protocol):
    """A built index over L2-normalised keys."""

    def search(self, query: Vectors, sequence: Vectors, n_hits: int) -> tuple[Vectors, Indices]:
        """Cosine and entry number of the best hits, best first, ``(batch, n_columns)`` each.

        :data:`harness.ftragrec.exact.MISSING` fills up where there are fewer.

        Args:
            query: normalised ``R(s)``, ``(batch, d)``; the cosine is that of this and the entry's key.
            sequence: normalised ``s``, ``(batch, d)``, for an index in the backbone's space.
            n_hits: columns wanted (of each part, where an index has several).
        """
        ...


class Index(Protocol):
    """A spec of the seam ``index``.

    Attributes:
        ranges: last prefix lengths of the ranges that are searched apart; empty where the memory is one whole.
    """

    @property
    def ranges(self) -> tuple[int, ...]: ...

    def build(self, memory: Memory, inputs: Inputs, seed: int) -> LiveIndex:
        """An index over the memory's normalised keys, at least one."""
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

    @property
    def ranges(self) -> tuple[int, ...]:
        return ()

    def build(self, memory: Memory, inputs: Inputs, seed: int) -> LiveIndex:
        """The index; lists are found by k-means from ``seed``."""
        return self.over(memory.normalised_keys(), seed)

    def over(self, keys: Vectors, seed: int) -> FaissIndex:
        """The index over normalised vectors ``(N, d)``."""
        import faiss

        n_entries, width = keys.shape
        n_lists = max(1, min(self.max_lists, n_entries // self.entries_per_list))
        index: Any = faiss.IndexIVFFlat(faiss.IndexFlatIP(width), width, n_lists, faiss.METRIC_INNER_PRODUCT)
        index.cp.seed = seed
        index.train(keys)
        index.add(keys)
        index.nprobe = self.nprobe
        return FaissIndex(index, Listwise(index, keys).search)


@dataclass(frozen=True, slots=True, kw_only=True)
class Flat:
    """Exact search, inner product over normalised keys; among equals the smaller entry number comes first."""

    @property
    def ranges(self) -> tuple[int, ...]:
        return ()

    def build(self, memory: Memory, inputs: Inputs, seed: int) -> LiveIndex:
        """The index; nothing is random."""
        return self.over(memory.normalised_keys())

    def over(self, keys: Vectors) -> FaissIndex:
        """The index over normalised vectors ``(N, d)``."""
        import faiss

        index: Any = faiss.IndexFlatIP(keys.shape[1])
        index.add(keys)
        return FaissIndex(index, Exact(keys).search)


class FaissIndex:
    """An index of FAISS over keys; it asks with ``R(s)``.

    Attributes:
        faiss: FAISS's own.
    """

    def __init__(self, index: Any, search: Callable[[Vectors, int], tuple[Vectors, Indices]] | None = None) -> None:
        """Over ``index``, whose search another of the same hits may stand in for."""
        self.faiss = index
        self._search = search or index.search

    def search(self, query: Vectors, sequence: Vectors, n_hits: int) -> tuple[Vectors, Indices]:
        return self._search(query, n_hits)
