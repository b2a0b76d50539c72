"""A batch on its way to the loss or to scores."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

    from harness.ftragrec.search import Neighbours


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Forward:
    """What a system made of a batch of prefixes.

    Attributes:
        sequence: backbone vectors ``s``, ``(batch, d)``.
        query: ``R(s)``, ``(batch, d)``.
        neighbours: what was retrieved.
        keys, values: of the neighbours, ``(batch, k, d)``.
        temperature: tau, a number or ``(batch, 1)``.
        attention: mixing weights, ``(batch, k)``, rows sum to 1 or to 0 without neighbours.
        knowledge: ``sum_j w_j value_j``, scaled, ``(batch, d)``.
        enhanced: the vector that scores with retrieval on, ``(batch, d)``.
        target: the next item, ``(batch,)``.
        item_matrix: item embeddings, ``(n_items + 1, d)``.
    """

    sequence: Tensor
    query: Tensor
    neighbours: Neighbours
    keys: Tensor
    values: Tensor
    temperature: float | Tensor
    attention: Tensor
    knowledge: Tensor
    enhanced: Tensor
    target: Tensor
    item_matrix: Tensor
