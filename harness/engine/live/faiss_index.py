"""A built FAISS index."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from harness.data.split import Indices
from harness.engine.types.vectors import Vectors

if TYPE_CHECKING:
    from collections.abc import Callable


class FaissIndex:
    """An index of FAISS over keys; it asks with ``R(s)``.

    Attributes:
        faiss: FAISS's own.
    """

    def __init__(self, index: Any, search: Callable[[Vectors, int], tuple[Vectors, Indices]] | None = None) -> None:
        """Over ``index``, whose search another of the same hits may stand in for."""
        self.faiss = index
        self._search = search or index.search

    def search(self, query: Vectors, sequence: Vectors, n_hits: int) -> tuple[Vectors, Indices]:
        return self._search(query, n_hits)
