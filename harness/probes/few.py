"""Ranks by many mixtures of the same masses: the items that a mixture moves, with all others counted as they are."""

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
    """The items of each query whose scores a mixture may move, and its target.

    A narrow table has a column for each of them, after one for the padding item and before one for all other items as
    one, which no neighbour names.

    Attributes:
        row, column, item: of each, its place in the narrow table and its number, ``(n_listed,)``.
        shape: of the narrow table, ``(n, n_columns)``.
        target: column of the target, ``(n, 1)``.
    """

    row: Tensor
    column: Tensor
    item: Tensor
    shape: tuple[int, int]
    target: Tensor

    @classmethod
    def of(cls, queries: Queries, masses: Sequence[Tensor]) -> Few:
        """Those that one of the masses ``(n, n_items + 1)`` names."""
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
        """The narrow table of values ``(n, n_items)``."""
        table = values.new_full(self.shape, empty)
        return table.index_put((self.row, self.column), values[self.row, self.item - 1])

    def scored(self, queries: Queries, logits: Tensor) -> Scored:
        """By logits of all items ``(n, n_items + 1)``.

        What the protocol hides takes no part in a softmax; what the recipe leaves out does.
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
    """Scores of the vector over the items that a mixture may move, and those of the others.

    Attributes:
        few: which items.
        narrow: their scores, -inf where there is none or the protocol hides it.
        overwritten: which of them recipe or protocol leaves out.
        others: scores of all other items, -inf for those of the narrow table, ``(n, n_items)``.
    """

    few: Few
    narrow: Tensor
    overwritten: Tensor
    others: np.ndarray[tuple[int, int], np.dtype[np.float32]]

    @torch.no_grad()
    def ranks(self, mixing: Mixing, masses: Sequence[Tensor]) -> Ranks:
        """Rank of each target where narrow masses join the scores, ties against it, ``(n,)``."""
        scores = mixing.joined(self.narrow.clone(), [*map(Named.of, masses)], self.narrow[:, 1:].isneginf())
        scores = scores.masked_fill(self.overwritten, HIDDEN)[:, :-1]
        own = scores.gather(1, self.few.target)
        ahead = np.count_nonzero((scores[:, 1:] >= own).numpy(), axis=1)
        return (ahead + np.count_nonzero(self.others >= own.numpy(), axis=1)).astype(np.int32)
