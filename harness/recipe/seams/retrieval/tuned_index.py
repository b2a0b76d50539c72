"""Seam ``index``: exact for a small memory, else approximate with a search width tuned on a sample of keys."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from harness.engine.live.faiss_index import FaissIndex
from harness.engine.types.snapshot import LiveIndex
from harness.engine.types.vectors import MISSING, Vectors
from harness.errors import InputError
from harness.recipe.seams.retrieval.index import Flat

if TYPE_CHECKING:
    from harness.engine.types.inputs import Inputs
    from harness.engine.types.memory import Memory

log = logging.getLogger(__name__)

SAMPLE = 2_000
"""Number of keys that serve as queries when the width is tuned."""

LISTS_PER_ROOT = 4
"""``nlist`` of IVF, in multiples of the square root of N."""

ENTRIES_PER_LIST = 39
"""Minimum entries per list; below it, FAISS considers k-means under-determined."""

KMEANS_ROUNDS, KMEANS_POINTS = 10, 64
"""k-means rounds and points per centroid, below FAISS's 25 and 256, because the width compensates rough lists."""

LINKS = 32
"""Links per node of HNSW."""

WIDEST = 1024
"""Maximum ``efSearch``: no width finds entries that the graph cannot reach, and IVF is faster at this width."""

TIE = 1e-6
"""Tolerance below the k-th exact cosine: equal keys have no fixed order, and sums round differently."""


class Kind(Enum):
    """The index type above the size limit of exact search."""

    IVF = "ivf"
    HNSW = "hnsw"


class RecallError(InputError):
    """An index cannot reach the requested recall."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scaled:
    """Flat up to a size limit; above it IVF or HNSW, at the smallest width that reaches a recall.

    The width is ``nprobe`` of IVF, up to ``nlist``, which is exact, or ``efSearch`` of HNSW, up to :data:`WIDEST`. An
    HNSW graph may miss the recall at every width; this raises an error. The queries of the sample are keys; a query's
    own entry does not count as a hit.  Source: problem list 10.1; ``nlist`` follows FAISS's guidelines.

    Attributes:
        kind: the index type above ``exact_up_to`` entries.
        exact_up_to: maximum number of entries for exact search.
        target: recall@k to reach on the sample against exact search, a fraction.
        k: number of hits that recall counts; as many as the search requests.
    """

    kind: Kind
    exact_up_to: int
    target: float
    k: int

    @property
    def ranges(self) -> tuple[int, ...]:
        return ()

    def build(self, memory: Memory, inputs: Inputs, seed: int) -> LiveIndex:
        """Return the index; ``seed`` seeds the sample, k-means and HNSW's levels.

        Raises:
            RecallError: HNSW does not reach the target at any width.
        """
        return self.over(memory.normalised_keys(), seed)

    def over(self, keys: Vectors, seed: int) -> FaissIndex:
        """Return the index over normalised vectors ``(N, d)``."""
        exact = Flat().over(keys)
        if len(keys) <= max(self.exact_up_to, self.k):
            return exact
        sample = Sample(exact.faiss, keys, k=self.k, seed=seed)
        if self.kind is Kind.IVF:
            index = _ivf(keys, seed)
            settings, name, first, most = index, "nprobe", 1, index.nlist
        else:
            index = _hnsw(keys, seed)
            settings, name, first, most = index.hnsw, "efSearch", self.k, min(WIDEST, len(keys))

        def reaches(width: int) -> bool:
            setattr(settings, name, width)
            return sample.recall(index) >= self.target

        setattr(settings, name, narrowest(reaches, first=first, most=most))
        width, recall = getattr(settings, name), sample.recall(index)
        if recall < self.target:
            raise RecallError(
                f"recall@{self.k} of {self} is {recall:.4f} at the largest {name}, {width}; "
                "use kind ivf, which can always be made exact, or a lower target"
            )
        log.info("%s of %d entries, %s %d: recall@%d %.4f", self.kind.value, len(keys), name, width, self.k, recall)
        return FaissIndex(index)


class Sample:
    """A sample of keys as queries, with the cosine of their k-th nearest other entry by exact search."""

    def __init__(self, exact: Any, keys: Vectors, *, k: int, seed: int) -> None:
        drawn = np.random.default_rng(seed).permutation(len(keys))[:SAMPLE]
        self._own = np.sort(drawn)
        self._queries = keys[self._own]
        self._k = k
        self._last = self._others(exact)[:, -1:]

    def recall(self, index: Any) -> float:
        """Return the share of the k nearest entries that a FAISS index finds, in [0, 1]."""
        return float((self._others(index) >= self._last - TIE).mean())

    def _others(self, index: Any) -> Vectors:
        """Return decreasing cosines of the hits without the query's own entry, ``(n, k)``; -inf if there are fewer."""
        cosine, entry = index.search(self._queries, self._k + 1)
        unwanted = (entry == self._own[:, None]) | (entry == MISSING)
        return -np.sort(np.where(unwanted, np.inf, -cosine), axis=1)[:, : self._k]


def narrowest(reaches: Callable[[int], bool], *, first: int, most: int) -> int:
    """Return the smallest width in [first, most] that reaches the target; ``most`` if none does.

    >>> narrowest(lambda width: width >= 37, first=1, most=100), narrowest(lambda width: False, first=1, most=100)
    (37, 100)
    """
    low, high = first - 1, first
    while high < most and not reaches(high):
        low, high = high, min(2 * high, most)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if reaches(middle) else (middle, high)
    return high


def _ivf(keys: Vectors, seed: int) -> Any:
    import faiss

    n_entries, d = keys.shape
    n_lists = max(1, min(round(LISTS_PER_ROOT * math.sqrt(n_entries)), n_entries // ENTRIES_PER_LIST))
    index: Any = faiss.IndexIVFFlat(faiss.IndexFlatIP(d), d, n_lists, faiss.METRIC_INNER_PRODUCT)
    index.cp.seed = seed
    index.cp.min_points_per_centroid = 1  # FAISS's default only triggers a warning
    index.cp.niter = KMEANS_ROUNDS
    index.cp.max_points_per_centroid = KMEANS_POINTS
    index.train(keys)
    index.add(keys)
    return index


def _hnsw(keys: Vectors, seed: int) -> Any:
    """Return the index, built on one thread, because with more threads the graph depends on their timing."""
    import faiss

    index: Any = faiss.IndexHNSWFlat(keys.shape[1], LINKS, faiss.METRIC_INNER_PRODUCT)
    index.hnsw.rng = cast(Any, faiss).RandomGenerator(seed)
    threads = faiss.omp_get_max_threads()
    faiss.omp_set_num_threads(1)
    try:
        index.add(keys)
    finally:
        faiss.omp_set_num_threads(threads)
    return index
