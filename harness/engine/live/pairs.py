"""Helpers of the searches that score some pairs of queries and keys again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import numpy as np

if TYPE_CHECKING:
    from harness.data.split import Indices
    from harness.engine.types.vectors import Vectors

UNIT_ROUNDOFF = 2.0**-24
"""Largest relative error of one operation in float32."""


def slack(width: int) -> np.float32:
    """Tolerance between a score by a matrix product, one by :func:`pair_scores`, and a bound from either.

    Each score differs from the true cosine of vectors of that width by at most ``width`` roundings.
    """
    return np.float32(4 * (width + 2) * UNIT_ROUNDOFF)


def pair_scores(query: Vectors, row: Indices, keys: Vectors, place: Indices) -> Vectors:
    """Inner products of ``query[row]`` and ``keys[place]``, pair by pair, by the function that FAISS's IVFFlat uses."""
    import faiss

    score = np.empty(len(row), dtype=np.float32)
    arrays = (query, row, keys, place, score)
    cast(Any, faiss).pairwise_indexed_inner_product(query.shape[1], len(row), *map(faiss.swig_ptr, arrays))
    return score


def nth_of_run(counts: Indices) -> Indices:
    """The position of each element in its run, for consecutive runs of these lengths.

    >>> nth_of_run(np.array([3, 0, 2])).tolist()
    [0, 1, 2, 0, 1]
    """
    return np.arange(int(counts.sum())) - np.repeat(np.cumsum(counts) - counts, counts)
