"""Exact search, for what an approximate one is compared to, made once for each set of queries."""

from __future__ import annotations

import time
from collections.abc import Sequence

import numpy as np

from harness.data.split import Indices
from harness.engine.types.snapshot import LiveIndex
from harness.engine.types.vectors import MISSING, Vectors


class Remembering:
    """An index that answers the same queries once, and a narrower question from a wider answer.

    Attributes:
        seconds: wall time of the last search that was made.
    """

    def __init__(self, index: LiveIndex) -> None:
        self._index = index
        self._answers: dict[bytes, tuple[Vectors, Indices]] = {}
        self.seconds = 0.0

    def search(self, query: Vectors, sequence: Vectors, n_hits: int) -> tuple[Vectors, Indices]:
        """As the index answers."""
        asked = query.tobytes()
        known = self._answers.get(asked)
        if known is None or known[0].shape[1] < n_hits:
            began = time.perf_counter()
            known = self._answers[asked] = self._index.search(query, sequence, n_hits)
            self.seconds = time.perf_counter() - began
        cosine, entry = known
        return cosine[:, :n_hits], entry[:, :n_hits]


class Merged:
    """Indexes over parts of a memory as one over the whole, each with its entries' numbers in the whole."""

    def __init__(self, parts: Sequence[tuple[Indices, LiveIndex]]) -> None:
        self._parts = parts

    def search(self, query: Vectors, sequence: Vectors, n_hits: int) -> tuple[Vectors, Indices]:
        """The best hits of all parts together."""
        cosines: list[Vectors] = []
        numbers: list[Indices] = []
        for entries, index in self._parts:
            cosine, entry = index.search(query, sequence, n_hits)
            found = entry != MISSING
            cosines.append(np.where(found, cosine, -np.inf).astype(np.float32))
            numbers.append(np.where(found, entries[np.where(found, entry, 0)], MISSING))
        cosine, entry = np.concatenate(cosines, axis=1), np.concatenate(numbers, axis=1)
        order = np.argsort(-cosine, axis=1, kind="stable")[:, :n_hits]
        return np.take_along_axis(cosine, order, axis=1), np.take_along_axis(entry, order, axis=1)
