"""A memory with everything that is built over it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from harness.data.split import Indices
    from harness.ftragrec.index import LiveIndex
    from harness.ftragrec.memory import Memory
    from harness.ftragrec.scorer import LiveScorer


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Shelf:
    """What may be retrieved; never changed in place, so a checkpoint can keep a reference.

    Attributes:
        memory: the entries.
        index: over their keys.
        scorer: scores the catalogue with retrieval on.
        sourced: prefixes that the sources offered, before any admission, ascending.
    """

    memory: Memory
    index: LiveIndex
    scorer: LiveScorer
    sourced: Indices
