"""The items recommended to a user: those with the highest scores."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

LENGTH = 10
"""Items per list."""

_BLOCK = 64


def top_items(scores: NDArray[np.floating[Any]], count: int = LENGTH, floor: float = -np.inf) -> NDArray[np.int32]:
    """The items of the highest scores, best first, ties by the lowest number, ``(n, count)`` int32.

    Args:
        scores: ``(n, n_items)``, item 1 first; an item whose score is NaN is not a candidate.
        count: items per list; a list with fewer candidates is padded with 0.
        floor: items with this score or less are not candidates.

    >>> top_items(np.array([[0.1, 0.5, 0.5, -np.inf]]), 4).tolist()
    [[2, 3, 1, 0]]
    """
    best = np.zeros((len(scores), count), dtype=np.int32)
    if not len(scores):
        return best
    bound = _bound(scores, count)
    if np.isnan(bound).any():
        # So many blocks contain NaN that their maxima give no bound.
        scores = np.where(np.isnan(scores), -np.inf, scores)
        bound = _bound(scores, count)
    rows, columns = np.divmod(np.flatnonzero(scores >= bound), scores.shape[1])
    values = scores[rows, columns]
    if values.min(initial=np.inf) <= floor:
        rows, columns, values = rows[values > floor], columns[values > floor], values[values > floor]
    order = np.lexsort((columns, -values, rows))
    place = np.arange(len(rows)) - np.searchsorted(rows, rows)
    kept = place < count
    best[rows[kept], place[kept]] = columns[order][kept] + 1
    return best


def _bound(scores: NDArray[np.floating[Any]], count: int) -> NDArray[np.floating[Any]]:
    """A score that at least ``count`` items of the row reach, and few more; a column with one per row.

    Each block's maximum is the score of a different item, so the ``count``-th largest maximum is such a score.
    """
    n, n_items = scores.shape
    block = min(_BLOCK, max(n_items // (4 * count), 1))
    whole = n_items // block * block
    tops = scores[:, :whole].reshape(n, -1, block).max(axis=2)
    if tops.shape[1] <= count:
        return np.full((n, 1), -np.inf, dtype=scores.dtype)
    return -np.partition(-tops, count - 1, axis=1)[:, count - 1 : count]
