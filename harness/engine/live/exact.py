"""Exact search for many queries at once: one matrix product, and what may be a hit of it scored again, pair by pair.

The largest score of each of some blocks of the entries bounds what the k-th hit must score, up to rounding, so that
little more than the hits themselves passes. Those are scored by FAISS's inner product of two vectors: which entries are
found, and in which order, does not depend on how many queries came together or on the library behind the product.
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
"""Scores that are kept at once, 128 MiB."""

ROWS = 256
"""Queries at a time, at most."""

BLOCKS_PER_HIT = 8
"""Blocks for each hit that is wanted: two of the best rarely share one, so the bound is close to the k-th score."""

CANDIDATES = 2**22
"""Pairs that are scored again at once, where more than one query is left to split."""


LOWEST = np.finfo(np.float32).min
"""The score that FAISS puts there."""


class Exact:
    """Every entry compared with every query.

    Among entries of equal score the one of the smaller number comes first.
    """

    def __init__(self, keys: Vectors) -> None:
        """Over normalised keys, ``(N, d)``."""
        import torch

        self._keys = np.ascontiguousarray(keys)
        self._columns = torch.as_tensor(self._keys).t()
        self._rows = max(1, min(ROWS, SCORES // max(1, len(keys))))
        self._products = torch.empty(self._rows, len(keys))

    def search(self, query: Vectors, n_hits: int) -> tuple[Vectors, Indices]:
        """Cosine and entry number of the best hits, best first, ``(n, n_hits)`` each; :data:`MISSING` fills up.

        Args:
            query: normalised, ``(n, d)`` float32.
            n_hits: columns wanted.
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
        """What every hit scores at least, ``(n,)``."""
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
    """The largest score of each block, ``(n, blocks)`` of ``(n, N)``; entries are dealt out to the blocks in turn."""
    import torch

    whole = scores.shape[1] - scores.shape[1] % blocks
    maxima = torch.as_tensor(scores[:, :whole]).unflatten(1, (-1, blocks)).amax(dim=1).numpy()
    left = scores.shape[1] - whole
    maxima[:, :left] = np.maximum(maxima[:, :left], scores[:, whole:])
    return maxima
