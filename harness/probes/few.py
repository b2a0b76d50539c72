"""Fast ranks for many mixtures of the same masses: only items with mass are rescored, all others just counted."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from harness.engine.live.mixing.masses import Named
from harness.engine.live.mixing.scorers import Mixing
from harness.engine.live.pairs import nth_of_run
from harness.probes.interpolation import Queries
from harness.recipe.seams.candidates import HIDDEN
from harness.results.record import Ranks


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Few:
    """The items of each query whose scores a mixture can change, and the query's target.

    In a narrow table, column 0 is the padding item, one column follows for each of these items, and the last column
    stands for all other items together, which have no mass.

    Attributes:
        row, column, item: row and column in the narrow table and item number of each listed item, ``(n_listed,)``.
        shape: shape of the narrow table, ``(n, n_columns)``.
        target: the target's column, ``(n, 1)``.
    """

    row: Tensor
    column: Tensor
    item: Tensor
    shape: tuple[int, int]
    target: Tensor

    @classmethod
    def of(cls, queries: Queries, masses: Sequence[Tensor]) -> Few:
        """Return the items for which any of the masses ``(n, n_items + 1)`` is above 0, and the targets."""
        rows = torch.arange(len(queries.target))
        listed = torch.stack([mass > 0 for mass in masses]).any(dim=0)
        listed[:, 0] = False
        listed[rows, queries.target] = True
        row, item = listed.nonzero(as_tuple=True)
        counts = listed.sum(dim=1).numpy()
        column = torch.as_tensor(nth_of_run(counts) + 1)
        return cls(
            row=row,
            column=column,
            item=item,
            shape=(len(rows), int(counts.max(initial=0)) + 2),
            target=column[item == queries.target[row]][:, None],
        )

    def narrowed(self, values: Tensor, empty: float = 0.0) -> Tensor:
        """Return values ``(n, n_items)`` as a narrow table; ``empty`` fills the other cells."""
        table = values.new_full(self.shape, empty)
        return table.index_put((self.row, self.column), values[self.row, self.item - 1])

    def scored(self, queries: Queries, logits: Tensor) -> Scored:
        """Return the scores of these queries from logits of all items, ``(n, n_items + 1)``.

        Items hidden by the protocol are excluded from the softmax; items hidden by the recipe are included.
        """
        wide = logits[:, 1:].clone()
        if queries.no_candidates is not None:
            wide.masked_fill_(queries.no_candidates, -math.inf)
        narrow = self.narrowed(wide, -math.inf)
        wide[self.row, self.item - 1] = -math.inf
        narrow[:, -1] = wide.logsumexp(dim=1)
        overwritten = self.narrowed(queries.hide(torch.zeros_like(wide))) < 0
        others = queries.hide(wide)
        others[self.row, self.item - 1] = -math.inf
        return Scored(few=self, narrow=narrow, overwritten=overwritten, others=others.numpy())


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Scored:
    """Scores of the vector: narrow for items that a mixture can change, wide for all others.

    Attributes:
        few: the items of the narrow table.
        narrow: their scores, -inf if there is no item or the protocol hides it.
        overwritten: which of them the recipe or the protocol hides.
        others: scores of all other items, -inf for items of the narrow table, ``(n, n_items)``.
    """

    few: Few
    narrow: Tensor
    overwritten: Tensor
    others: np.ndarray[tuple[int, int], np.dtype[np.float32]]

    @torch.no_grad()
    def ranks(self, mixing: Mixing, masses: Sequence[Named]) -> Ranks:
        """Return the rank of each target with narrow masses mixed in, ties against the target, ``(n,)``."""
        scores = mixing.joined(self.narrow.clone(), masses, self.narrow[:, 1:].isneginf())
        scores = scores.masked_fill(self.overwritten, HIDDEN)[:, :-1]
        own = scores.gather(1, self.few.target)
        ahead = np.count_nonzero((scores[:, 1:] >= own).numpy(), axis=1)
        return (ahead + np.count_nonzero(self.others >= own.numpy(), axis=1)).astype(np.int32)
