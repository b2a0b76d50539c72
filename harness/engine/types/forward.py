"""The forward pass of a batch, for the loss or for scores."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

    from harness.engine.types.retrieved import Neighbours, Retrieved


Encode = Callable[["Tensor"], "Tensor"]
"""R: backbone vectors ``(..., d)`` to queries or keys ``(..., d)``."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Forward:
    """The forward pass of a system over a batch of prefixes.

    Attributes:
        retrieved: the prefixes, their vectors and their neighbours.
        keys, values: of the neighbours, ``(batch, k, d)``.
        temperature: tau, a number or ``(batch, 1)``.
        attention: mixing weights, ``(batch, k)``, rows sum to 1 or to 0 without neighbours.
        knowledge: ``sum_j w_j value_j``, scaled, ``(batch, d)``.
        enhanced: the vector that scores items with retrieval on, ``(batch, d)``.
        target: the next item, ``(batch,)``.
        item_matrix: item embeddings, ``(n_items + 1, d)``.
        encode: R, with dropout in training.
        alone: for a slice of the batch, the enhanced vectors if each neighbour were the only one,
            ``(rows, k, d)``, without gradient.
    """

    retrieved: Retrieved
    keys: Tensor
    values: Tensor
    temperature: float | Tensor
    attention: Tensor
    knowledge: Tensor
    enhanced: Tensor
    target: Tensor
    item_matrix: Tensor
    encode: Encode
    alone: Callable[[slice], Tensor]

    @property
    def sequence(self) -> Tensor:
        """Backbone vectors ``s``, ``(batch, d)``."""
        return self.retrieved.sequence

    @property
    def query(self) -> Tensor:
        """``R(s)``, ``(batch, d)``."""
        return self.retrieved.query

    @property
    def neighbours(self) -> Neighbours:
        """The neighbours that were retrieved."""
        return self.retrieved.neighbours
