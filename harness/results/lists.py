"""The items that are recommended to a user: the best ones of a row of scores."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.results.metrics.global_metric import Lists

LENGTH = 10
"""Items of a list."""

_BLOCK = 64


def top_items(scores: NDArray[np.floating[Any]], count: int = LENGTH, floor: float = -np.inf) -> NDArray[np.int32]:
    """The items of the highest scores, best first, of equal ones the lowest number first, ``(n, count)`` int32.

    Args:
        scores: ``(n, n_items)``, item 1 first.
        count: items of a list; 0 stands behind the last candidate where there are fewer.
        floor: the score of items that are no candidates, below all others.

    >>> top_items(np.array([[0.1, 0.5, 0.5, -np.inf]]), 4).tolist()
    [[2, 3, 1, 0]]
    """
    best = np.zeros((len(scores), count), dtype=np.int32)
    if not len(scores):
        return best
    rows, columns = np.divmod(np.flatnonzero(scores >= _bound(scores, count)), scores.shape[1])
    values = scores[rows, columns]
    if values.min() <= floor:
        rows, columns, values = rows[values > floor], columns[values > floor], values[values > floor]
    order = np.lexsort((columns, -values, rows))
    place = np.arange(len(rows)) - np.searchsorted(rows, rows)
    kept = place < count
    best[rows[kept], place[kept]] = columns[order][kept] + 1
    return best


def _bound(scores: NDArray[np.floating[Any]], count: int) -> NDArray[np.floating[Any]]:
    """A score that at least ``count`` items of each row reach, and few more: a column.

    The maxima of blocks are scores of as many items, so their ``count``-th is one.
    """
    n, n_items = scores.shape
    block = min(_BLOCK, max(n_items // (4 * count), 1))
    whole = n_items // block * block
    tops = scores[:, :whole].reshape(n, -1, block).max(axis=2)
    if tops.shape[1] <= count:
        return np.full((n, 1), -np.inf, dtype=scores.dtype)
    return -np.partition(-tops, count - 1, axis=1)[:, count - 1 : count]


def packed(lists: Mapping[str, Lists]) -> dict[str, NDArray[Any]]:
    """The lists as small arrays: item numbers take two bytes where all fit.

    Those without retrieval are places in the lists with it, from 1, since most items are in both; 0: in it alone.

    >>> both = {"test_on": np.array([[3, 1, 2]]), "test_off": np.array([[1, 3, 9]])}
    >>> {name: array.tolist() for name, array in packed(both).items()}
    {'test_on': [[3, 1, 2]], 'test_off.places': [[2, 1, 0]], 'test_off.others': [9]}
    """
    found: dict[str, NDArray[Any]] = {name: _narrow(each) for name, each in lists.items()}
    on, off = lists.get("test_on"), lists.get("test_off")
    if on is None or off is None or on.shape != off.shape or on.shape[1] >= 1 << 8:
        return found
    same = off[:, :, None] == on[:, None, :]
    places = np.where(same.any(axis=2), same.argmax(axis=2) + 1, 0).astype(np.uint8)
    del found["test_off"]
    return found | {"test_off.places": places, "test_off.others": _narrow(off[places == 0])}


def unpacked(arrays: Mapping[str, NDArray[Any]]) -> dict[str, Lists]:
    """The lists that :func:`packed` made small."""
    found = {name: array.astype(np.int32) for name, array in arrays.items() if not name.startswith("test_off.")}
    if "test_off.places" in arrays:
        places = arrays["test_off.places"].astype(np.int64)
        off = np.take_along_axis(found["test_on"], np.maximum(places - 1, 0), axis=1)
        off[places == 0] = arrays["test_off.others"]
        found["test_off"] = off
    return found


def _narrow(items: NDArray[Any]) -> NDArray[Any]:
    return items.astype("<u2" if int(items.max(initial=0)) < 1 << 16 else "<i4")
