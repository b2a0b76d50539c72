"""A built FAISS index."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from harness.data.split import Indices
from harness.engine.types.vectors import Vectors

if TYPE_CHECKING:
    from collections.abc import Callable


class FaissIndex:
    """A FAISS index over keys, searched with ``R(s)``.

    Attributes:
        faiss: the FAISS index itself.
    """

    def __init__(self, index: Any, search: Callable[[Vectors, int], tuple[Vectors, Indices]] | None = None) -> None:
        """Wrap ``index``; ``search`` replaces its own search and must find the same hits."""
        self.faiss = index
        self._search = search or index.search

    def search(self, query: Vectors, sequence: Vectors, n_hits: int) -> tuple[Vectors, Indices]:
        return self._search(query, n_hits)
