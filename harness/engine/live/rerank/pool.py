"""The first candidates of a query, and how they are reordered."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from harness.data.history import HIDDEN

STEP = 2.0**-20
"""Step between the scores of adjacent places, relative to their size: float32 can tell them apart at any size."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Pool:
    """The best candidates of some queries, best first, ties by column.

    Attributes:
        column: column of the scores, the item - 1, ``(n, size)``.
        score: ``(n, size)``.
        there: which places hold a candidate, since a query may have fewer than ``size``, ``(n, size)``.
    """

    column: Tensor
    score: Tensor
    there: Tensor

    @classmethod
    def of(cls, scores: Tensor, size: int) -> Pool:
        """The pool of scores ``(n, n_items)``."""
        size = min(size, scores.shape[1])
        score, column = scores.topk(size, dim=1)
        # topk does not define which of several equal scores at the end are in the pool.
        torn = ((scores >= score[:, -1:]).sum(dim=1) > size).nonzero()[:, 0]
        if len(torn):
            column[torn] = scores[torn].sort(dim=1, descending=True, stable=True).indices[:, :size]
        column = column.sort(dim=1).values
        score, order = scores.gather(1, column).sort(dim=1, descending=True, stable=True)
        return cls(column=column.gather(1, order), score=score, there=score > HIDDEN)

    def reordered(self, scores: Tensor, learned: Tensor) -> Tensor:
        """The scores, overwritten: the pool ordered by ``learned`` ``(n, size)``, ahead of all other items."""
        last = self.score.masked_fill(~self.there, torch.inf).amin(dim=1, keepdim=True)
        place = smaller_than(learned.masked_fill(~self.there, -torch.inf)) + 1
        front = last + place * (STEP * last.abs().clamp(min=1.0))
        return scores.scatter_(1, self.column, front.where(self.there, self.score))


def smaller_than(values: Tensor) -> Tensor:
    """How many values in the row are smaller than each value, ``(n, size)``.

    >>> smaller_than(torch.tensor([[5.0, 1.0, 5.0, 2.0]])).tolist()
    [[2, 0, 2, 1]]
    """
    return torch.searchsorted(values.sort(dim=1).values, values.contiguous())
