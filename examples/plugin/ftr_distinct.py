"""An intervention plug-in: at most one of the nearest neighbours per target item."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from harness.data.split import Indices
from harness.engine.types.vectors import Mask
from harness.interventions.base import Intervention, parameter
from harness.recipe.recipe import Recipe
from harness.recipe.seams.retrieval.search import Hits


@dataclass(frozen=True, slots=True, kw_only=True)
class FirstOfEachTarget:
    """A selection of the best hit of each target item, up to k; fewer if the hits lead to fewer items.

    Attributes:
        k: number of neighbours.
        oversample: number of hits to choose from, as a multiple of k.
    """

    k: int = 5
    oversample: int = 4

    @property
    def ranges(self) -> tuple[int, ...]:
        """Empty: the selection needs an index over the whole memory."""
        return ()

    @property
    def n_hits(self) -> int:
        """Number of hits to request from the index."""
        return self.k * self.oversample

    def choose(self, hits: Hits) -> tuple[Indices, Mask]:
        """Columns of the chosen hits, best first, and which of them exist, ``(batch, k)`` each."""
        target = hits.memory.target.numpy()[hits.entry]
        earlier = np.tri(target.shape[1], k=-1, dtype=bool)
        same = (target[:, :, None] == target[:, None, :]) & hits.allowed[:, None, :]
        first = hits.allowed & ~(same & earlier).any(axis=2)
        columns = np.argsort(~first, axis=1, kind="stable")[:, : self.k]
        return columns, np.take_along_axis(first, columns, axis=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class DistinctTargets(Intervention):
    """Keep only the best neighbour of each target item, so that k neighbours lead to k different items.

    A simpler rule than ``search.diverse``, which trades similarity for diversity gradually.

    Source: an example of a plug-in; ours.
    """

    id: ClassVar[str] = "distinct.targets"
    title: ClassVar[str] = "One neighbour a target"
    title_zh: ClassVar[str] = "每个目标一个邻居"
    why: ClassVar[str] = "Neighbours that all lead to one item leave no room for a second opinion."
    observable: ClassVar[str] = "No two neighbours of a sample share their target."

    k: int = parameter(5, "neighbours", low=1, high=50, search=(2, 20))
    oversample: int = parameter(4, "hits to choose from, as a multiple of k", low=1, high=20, search=(2, 10))

    def apply(self, recipe: Recipe) -> Recipe:
        return replace(recipe, selection=FirstOfEachTarget(k=self.k, oversample=self.oversample))
