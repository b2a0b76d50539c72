"""Exact search for many queries at once: one matrix product, then possible hits are scored again, pair by pair.

Entries are split into blocks. The k-th largest of the blocks' best scores bounds the score of a hit from below, up to
rounding, and few other entries reach it. These entries are scored by FAISS's inner product of two vectors, so the hits
and their order depend neither on the number of queries in a batch nor on the library that computes the product.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from harness.engine.live.pairs import nth_of_run, pair_scores, slack
from harness.engine.types.vectors import MISSING

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from harness.data.split import Indices
    from harness.engine.types.vectors import Vectors

SCORES = 2**25
"""Scores held at once, 128 MiB."""

ROWS = 256
"""Maximum number of queries at a time."""

BLOCKS_PER_HIT = 8
"""Blocks per requested hit: two of the best entries rarely share one, so the bound is close to the k-th score."""

CANDIDATES = 2**22
"""Maximum number of pairs scored again at once; a single query may exceed it."""


LOWEST = np.finfo(np.float32).min
"""The score with which FAISS pads missing hits."""


class Exact:
    """An exact search that compares every entry with every query.

    Ties go to the smaller entry number.
    """

    def __init__(self, keys: Vectors) -> None:
        """Search over normalised keys, ``(N, d)``."""
        import torch

        self._keys = np.ascontiguousarray(keys)
        self._columns = torch.as_tensor(self._keys).t()
        self._rows = max(1, min(ROWS, SCORES // max(1, len(keys))))
        self._products = torch.empty(self._rows, len(keys))

    def search(self, query: Vectors, n_hits: int) -> tuple[Vectors, Indices]:
        """Cosine and entry number of the best hits, best first, ``(n, n_hits)`` each, padded with :data:`MISSING`.

        Args:
            query: normalised, ``(n, d)`` float32.
            n_hits: hits per query.
        """
        cosine = np.full((len(query), n_hits), LOWEST, dtype=np.float32)
        entry = np.full((len(query), n_hits), MISSING, dtype=np.int64)
        query = np.ascontiguousarray(query)
        for first in range(0, len(query), self._rows):
            here = slice(first, first + self._rows)
            scores = self._multiplied(query[here])
            self._keep_best(query[here], scores >= self._bound(scores, n_hits)[:, None], cosine[here], entry[here])
        return cosine, entry

    def _multiplied(self, query: Vectors) -> Vectors:
        import torch

        return torch.mm(torch.as_tensor(query), self._columns, out=self._products[: len(query)]).numpy()

    def _bound(self, scores: Vectors, n_hits: int) -> Vectors:
        """A lower bound on the score of every hit, ``(n,)``."""
        n_entries, blocks = scores.shape[1], BLOCKS_PER_HIT * n_hits
        if n_entries <= n_hits:
            return np.full(len(scores), -np.inf, dtype=np.float32)
        best = scores if n_entries < 2 * blocks else _block_maxima(scores, blocks)
        return np.partition(best, -n_hits, axis=1)[:, -n_hits] - slack(self._keys.shape[1])

    def _keep_best(self, query: Vectors, chosen: NDArray[np.bool_], cosine: Vectors, entry: Indices) -> None:
        """Write the best of the chosen entries, ``(n, N)``, into ``cosine`` and ``entry``, ``(n, n_hits)``."""
        if len(query) > 1 and np.count_nonzero(chosen) > CANDIDATES:
            half = len(query) // 2
            for part in (slice(half), slice(half, None)):
                self._keep_best(query[part], chosen[part], cosine[part], entry[part])
            return
        row, found = np.divmod(np.flatnonzero(chosen), chosen.shape[1])
        score = pair_scores(query, row, self._keys, found)
        order = np.lexsort((found, -score, row))
        row, found, score = row[order], found[order], score[order]
        column = nth_of_run(np.bincount(row, minlength=len(query)))
        hit = column < cosine.shape[1]
        cosine[row[hit], column[hit]] = score[hit]
        entry[row[hit], column[hit]] = found[hit]


def _block_maxima(scores: Vectors, blocks: int) -> Vectors:
    """The largest score of each block, ``(n, blocks)`` of ``(n, N)``; entries go to the blocks in turn."""
    import torch

    whole = scores.shape[1] - scores.shape[1] % blocks
    maxima = torch.as_tensor(scores[:, :whole]).unflatten(1, (-1, blocks)).amax(dim=1).numpy()
    left = scores.shape[1] - whole
    maxima[:, :left] = np.maximum(maxima[:, :left], scores[:, whole:])
    return maxima
