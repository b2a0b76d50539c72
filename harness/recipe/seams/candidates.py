"""Seam ``candidates``: which items may be recommended at all."""

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
    """A spec of the seam; it holds for scores with retrieval and for those without."""

    def hidden(self, prefix: Indices, inputs: Inputs) -> Tensor | None:
        """Which items are not to be recommended to the queries ``(n,)``, ``(n, n_items)`` bool; None: any may be.

        Nothing at or after a query's position may decide it.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class AllItems:
    """The whole catalogue is ranked, what the user has had included.  Source: FTragrec as found, point 10."""

    def hidden(self, prefix: Indices, inputs: Inputs) -> Tensor | None:
        """Nothing."""
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class UnseenItems:
    """Items of the query's own history rank behind all others.  Source: family 0."""

    def hidden(self, prefix: Indices, inputs: Inputs) -> Tensor:
        """The items that stand before the query's position."""
        return items_before(prefix, inputs)


def hide(hidden: Tensor | None, scores: Tensor) -> Tensor:
    """Overwrite the scores ``(n, n_items)`` of hidden items, and give them back."""
    return scores if hidden is None else scores.masked_fill_(hidden, HIDDEN)
