"""Several built indexes that work as one: over the same entries, or over parts of the memory."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from harness.data.split import Indices
from harness.engine.types.snapshot import LiveIndex
from harness.engine.types.vectors import MISSING, Vectors

Floats = NDArray[np.float64]


RANK_CONSTANT = 60
"""Constant of reciprocal rank fusion, at its authors' value."""


class Merged:
    """Built indexes over the same entries; searches each in its space and returns as many columns as one of them."""

    def __init__(
        self,
        *,
        members: Sequence[LiveIndex],
        in_backbone: Sequence[bool],
        keys: Vectors,
        backbone_keys: Vectors | None,
        by_mean: bool,
    ) -> None:
        self._members = members
        self._in_backbone = in_backbone
        self._keys = keys
        self._backbone_keys = backbone_keys
        self._by_mean = by_mean

    def search(self, query: Vectors, sequence: Vectors, n_hits: int) -> tuple[Vectors, Indices]:
        lists = [
            member.search(sequence if there else query, sequence, n_hits)[1]
            for member, there in zip(self._members, self._in_backbone, strict=True)
        ]
        entry = np.concatenate(lists, axis=1)
        first, score = reciprocal_ranks(lists)
        cosine = cosines(query, self._keys, entry)
        if self._by_mean:
            score = self._mean_cosine(cosine, sequence, entry)
        order = np.lexsort((entry, -cosine, -np.where(first, score, -np.inf)), axis=1)[:, : lists[0].shape[1]]
        kept = np.take_along_axis(first, order, axis=1)
        return (
            np.take_along_axis(cosine, order, axis=1),
            np.where(kept, np.take_along_axis(entry, order, axis=1), MISSING),
        )

    def _mean_cosine(self, cosine: Vectors, sequence: Vectors, entry: Indices) -> Floats:
        total = sum(not there for there in self._in_backbone) * cosine.astype(np.float64)
        if self._backbone_keys is not None:
            total += sum(self._in_backbone) * cosines(sequence, self._backbone_keys, entry)
        return total / len(self._members)


def cosines(query: Vectors, keys: Vectors, entry: Indices) -> Vectors:
    """Cosines of normalised queries ``(batch, d)`` and the keys of their entries, ``(batch, n)``."""
    return (keys[entry] @ query[:, :, None])[:, :, 0]


def reciprocal_ranks(lists: Sequence[Indices]) -> tuple[NDArray[np.bool_], Floats]:
    """Which places are the first of their entry, and the sum of that entry's reciprocal ranks over the lists.

    Places are the columns of the concatenated lists, ``(batch, n)``; :data:`~harness.engine.types.vectors.MISSING` does
    not count as an entry. Ranks within a list start at 1.
    """
    entry = np.concatenate(lists, axis=1)
    share = np.concatenate([1.0 / (RANK_CONSTANT + 1 + np.arange(each.shape[1])) for each in lists])
    rows = np.arange(len(entry))[:, None] * (int(entry.max(initial=0)) + 2)
    _, opening, group = np.unique(rows + entry + 1, return_index=True, return_inverse=True)
    group = group.reshape(entry.shape)
    weights = np.broadcast_to(share, entry.shape).ravel()
    score: Floats = np.bincount(group.ravel(), weights=weights).astype(np.float64)[group]
    first = np.zeros(entry.shape, dtype=bool)
    first.ravel()[opening] = True
    return first & (entry != MISSING), score


class Ranged:
    """Built indexes over parts of the memory, each with the memory's numbers of its entries."""

    def __init__(self, parts: Sequence[tuple[Indices, LiveIndex]]) -> None:
        self._parts = parts

    def search(self, query: Vectors, sequence: Vectors, n_hits: int) -> tuple[Vectors, Indices]:
        cosines: list[Vectors] = []
        numbers: list[Indices] = []
        for entries, index in self._parts:
            cosine, entry = index.search(query, sequence, n_hits)
            found = entry != MISSING
            cosines.append(np.where(found, cosine, -np.inf).astype(np.float32))
            numbers.append(np.where(found, entries[np.where(found, entry, 0)], MISSING))
        cosine, entry = np.concatenate(cosines, axis=1), np.concatenate(numbers, axis=1)
        order = np.argsort(-cosine, axis=1, kind="stable")
        return np.take_along_axis(cosine, order, axis=1), np.take_along_axis(entry, order, axis=1)


def range_of(position: Indices, edges: Sequence[int]) -> Indices:
    """The range of each prefix length: 0 up to the first edge, 1 up to the second, ..., the last above all edges.

    >>> range_of(np.array([1, 2, 3, 20, 21]), (2, 5, 10, 20)).tolist()
    [0, 0, 1, 3, 4]
    """
    return np.searchsorted(np.asarray(edges), position, side="left")
