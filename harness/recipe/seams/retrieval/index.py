"""Seam ``index``: finds the nearest entries of a query."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from harness.engine.live.exact import Exact
from harness.engine.live.faiss_index import FaissIndex
from harness.engine.live.listwise import Listwise
from harness.engine.types.snapshot import LiveIndex
from harness.engine.types.vectors import Vectors

if TYPE_CHECKING:
    from harness.engine.types.inputs import Inputs
    from harness.engine.types.memory import Memory


class Index(Protocol):
    """A spec of the seam ``index``.

    Attributes:
        ranges: maximum prefix lengths of the ranges that are searched separately; empty: the memory is one range.
    """

    @property
    def ranges(self) -> tuple[int, ...]: ...

    def build(self, memory: Memory, inputs: Inputs, seed: int) -> LiveIndex:
        """Return an index over the memory's normalised keys; the memory has at least one."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class IVFFlat:
    """FAISS IVFFlat, inner product over normalised keys.  Source: FTragrec as published, point 2.

    Attributes:
        max_lists: maximum of ``nlist``.
        entries_per_list: ``nlist`` is at most N // this.
        nprobe: lists visited per query.
    """

    max_lists: int = 128
    entries_per_list: int = 39
    nprobe: int = 10

    @property
    def ranges(self) -> tuple[int, ...]:
        return ()

    def build(self, memory: Memory, inputs: Inputs, seed: int) -> LiveIndex:
        """Return the index; ``seed`` seeds the k-means of its lists."""
        return self.over(memory.normalised_keys(), seed)

    def over(self, keys: Vectors, seed: int) -> FaissIndex:
        """Return the index over normalised vectors ``(N, d)``."""
        import faiss

        n_entries, width = keys.shape
        n_lists = max(1, min(self.max_lists, n_entries // self.entries_per_list))
        index: Any = faiss.IndexIVFFlat(faiss.IndexFlatIP(width), width, n_lists, faiss.METRIC_INNER_PRODUCT)
        index.cp.seed = seed
        index.cp.min_points_per_centroid = 1  # FAISS's default only triggers a warning
        index.train(keys)
        index.add(keys)
        index.nprobe = self.nprobe
        return FaissIndex(index, Listwise(index, keys).search)


@dataclass(frozen=True, slots=True, kw_only=True)
class Flat:
    """Exact search, inner product over normalised keys; ties go to the smaller entry number."""

    @property
    def ranges(self) -> tuple[int, ...]:
        return ()

    def build(self, memory: Memory, inputs: Inputs, seed: int) -> LiveIndex:
        """Return the index; ``seed`` has no effect."""
        return self.over(memory.normalised_keys())

    def over(self, keys: Vectors) -> FaissIndex:
        """Return the index over normalised vectors ``(N, d)``."""
        import faiss

        index: Any = faiss.IndexFlatIP(keys.shape[1])
        index.add(keys)
        return FaissIndex(index, Exact(keys).search)
