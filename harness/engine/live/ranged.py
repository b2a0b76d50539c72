"""Built indexes over parts of the memory."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from harness.data.split import Indices
from harness.engine.types.snapshot import LiveIndex
from harness.engine.types.vectors import MISSING, Vectors

if TYPE_CHECKING:
    pass


class Ranged:
    """Built indexes over parts of the memory, each with the numbers of its entries."""

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
