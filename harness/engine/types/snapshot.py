"""The memory with everything built over it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from torch import Tensor

    from harness.data.split import Indices
    from harness.engine.types.memory import Memory
    from harness.engine.types.vectors import Vectors


class LiveScorer(Protocol):
    """Scores items with retrieval on."""

    def scores(self, *, sequence: Tensor, enhanced: Tensor, prefix: Indices, hidden: Tensor | None = None) -> Tensor:
        """Scores ``(batch, n_items + 1)`` of prefixes ``(batch,)`` with vectors ``(batch, d)``; column 0 is padding.

        The tensor must be new, because the caller overwrites it.

        Args:
            hidden: items that the protocol excludes as candidates, ``(batch, n_items)``: they get no probability, and
                their scores are overwritten afterwards. None: all items are candidates.
        """
        ...


class LiveReranker(Protocol):
    """Reorders the first candidates of queries, once it is fitted."""

    def reordered(self, scores: Tensor, *, sequence: Tensor, enhanced: Tensor, prefix: Indices) -> Tensor:
        """Return the scores ``(batch, n_items)`` of prefixes ``(batch,)``, overwritten; hidden items keep theirs.

        Args:
            scores: with hidden items behind all others.
            sequence, enhanced: see :meth:`LiveScorer.scores`.
            prefix: the queries.
        """
        ...


class LiveIndex(Protocol):
    """A built index over L2-normalised keys."""

    def search(self, query: Vectors, sequence: Vectors, n_hits: int) -> tuple[Vectors, Indices]:
        """Cosine and entry number of the best hits, best first, ``(batch, n_columns)`` each.

        Rows with fewer hits are padded with :data:`harness.engine.types.vectors.MISSING`.

        Args:
            query: normalised ``R(s)``, ``(batch, d)``; the cosine is between this and the entry's key.
            sequence: normalised ``s``, ``(batch, d)``, for an index in the backbone's space.
            n_hits: hits per query (per part, if the index has several).
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class MemorySnapshot:
    """The memory to retrieve from, with its scorer; never changed in place, so a checkpoint can keep a reference.

    Attributes:
        memory: the entries.
        index: over their keys.
        scorer: scores the catalogue with retrieval on.
        sourced: prefixes that the sources offered, before any admission, ascending.
        reranker: reorders the scorer's first candidates; None: they keep their order.
    """

    memory: Memory
    index: LiveIndex
    scorer: LiveScorer
    sourced: Indices
    reranker: LiveReranker | None = None
