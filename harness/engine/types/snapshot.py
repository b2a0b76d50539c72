"""The memory with everything that is built over it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from torch import Tensor

    from harness.data.split import Indices
    from harness.engine.types.memory import Memory
    from harness.engine.types.vectors import Vectors


class LiveScorer(Protocol):
    """Scores with retrieval on."""

    def scores(self, *, sequence: Tensor, enhanced: Tensor, prefix: Indices, hidden: Tensor | None = None) -> Tensor:
        """Scores ``(batch, n_items + 1)`` of prefixes ``(batch,)`` with vectors ``(batch, d)``; column 0 is padding.

        A fresh tensor: whoever ranks by it overwrites it.

        Args:
            hidden: which items the protocol makes no candidates, ``(batch, n_items)``: a probability is none of theirs.
                Their scores are overwritten afterwards. None: all items are candidates.
        """
        ...


class LiveReranker(Protocol):
    """Reorders the first candidates of queries, once it is fitted."""

    def reordered(self, scores: Tensor, *, sequence: Tensor, enhanced: Tensor, prefix: Indices) -> Tensor:
        """Scores ``(batch, n_items)`` of prefixes ``(batch,)``, overwritten; hidden items stay as they are.

        Args:
            scores: with hidden items behind all others.
            sequence, enhanced: as of :meth:`LiveScorer.scores`.
            prefix: the queries.
        """
        ...


class LiveIndex(Protocol):
    """A built index over L2-normalised keys."""

    def search(self, query: Vectors, sequence: Vectors, n_hits: int) -> tuple[Vectors, Indices]:
        """Cosine and entry number of the best hits, best first, ``(batch, n_columns)`` each.

        :data:`harness.engine.types.vectors.MISSING` fills up where there are fewer.

        Args:
            query: normalised ``R(s)``, ``(batch, d)``; the cosine is that of this and the entry's key.
            sequence: normalised ``s``, ``(batch, d)``, for an index in the backbone's space.
            n_hits: columns wanted (of each part, where an index has several).
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class MemorySnapshot:
    """What may be retrieved; never changed in place, so a checkpoint can keep a reference.

    Attributes:
        memory: the entries.
        index: over their keys.
        scorer: scores the catalogue with retrieval on.
        sourced: prefixes that the sources offered, before any admission, ascending.
        reranker: reorders its first candidates; None: nothing does.
    """

    memory: Memory
    index: LiveIndex
    scorer: LiveScorer
    sourced: Indices
    reranker: LiveReranker | None = None
