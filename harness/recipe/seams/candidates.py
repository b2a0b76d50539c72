"""Seam ``candidates``: which items may be recommended."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from harness.data.history import HIDDEN
from harness.engine.live.history import items_before

if TYPE_CHECKING:
    from torch import Tensor

    from harness.data.split import Indices
    from harness.engine.types.inputs import Inputs


class Candidates(Protocol):
    """A spec of the seam; it applies to scores with and without retrieval."""

    def hidden(self, prefix: Indices, inputs: Inputs) -> Tensor | None:
        """Return which items are hidden from the queries ``(n,)``, ``(n, n_items)`` bool; None: none is hidden.

        The result must not depend on events at or after a query's position.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class AllItems:
    """The whole catalogue is ranked, including the user's own items.  Source: FTragrec as published, point 10."""

    def hidden(self, prefix: Indices, inputs: Inputs) -> Tensor | None:
        """Return None: no item is hidden."""
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class UnseenItems:
    """Items of the query's own history rank after all others.  Source: beyond the list."""

    def hidden(self, prefix: Indices, inputs: Inputs) -> Tensor:
        """Return the items that occur before the query's position."""
        return items_before(prefix, inputs)


def hide(hidden: Tensor | None, scores: Tensor) -> Tensor:
    """Overwrite the scores of hidden items in place and return the scores ``(n, n_items)``."""
    return scores if hidden is None else scores.masked_fill_(hidden, HIDDEN)
