"""Specs of the seam ``selection``: diverse neighbours, and the best of each range of prefix lengths."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

import numpy as np

from harness.data.split import Indices
from harness.engine.live.composite_index import range_of
from harness.engine.live.diversity import Floats, greedy_map, kernel, marginal_relevance
from harness.engine.types.vectors import Mask
from harness.recipe.seams.retrieval.search import Hits

if TYPE_CHECKING:
    pass


class Method(Enum):
    """The algorithm of a diverse selection."""

    DPP = "dpp"
    MMR = "mmr"


@dataclass(frozen=True, slots=True, kw_only=True)
class Diverse:
    """k of ``oversample`` x k hits, chosen for a close key and for targets that differ.  Source: problem list 10.2.

    ``dpp`` is greedy MAP inference of a determinantal point process (Chen et al., NeurIPS 2018, algorithm 1) with the
    kernel :func:`kernel`; ``mmr`` repeatedly takes the hit with the largest :func:`marginal_relevance` (Carbonell and
    Goldstein, SIGIR 1998). At strength 0 both order by cosine, which equals
    :class:`~harness.recipe.seams.retrieval.search.TopK` on an index that orders by cosine.

    Greedy inference is near the optimum: for 4 of 9 random hits its log-determinant equals that of brute force at
    strength 0.5, and is on average 0.04 nats below it (of 5.6 nats) at strength 0.95.

    Attributes:
        method: the algorithm.
        strength: 0 considers closeness only; 1 gives the similarity of targets its full weight.
        k: number of neighbours.
        oversample: hits requested from the index per neighbour.
    """

    method: Method
    strength: float
    k: int = 5
    oversample: int = 4

    @property
    def ranges(self) -> tuple[int, ...]:
        return ()

    @property
    def n_hits(self) -> int:
        return self.k * self.oversample

    def choose(self, hits: Hits) -> tuple[Indices, Mask]:
        similarity = target_similarity(hits)
        cosine = np.where(hits.allowed, hits.cosine, 0.0).astype(np.float64)
        if self.method is Method.DPP:
            chosen = greedy_map(kernel(cosine, similarity, self.strength), hits.allowed, self.k)
        else:
            chosen = marginal_relevance(cosine, similarity, hits.allowed, k=self.k, strength=self.strength)
        return closest_first(chosen, hits)


def target_similarity(hits: Hits) -> Floats:
    """Return cosines between the embeddings of the hits' targets, ``(batch, n_hits, n_hits)``."""
    targets = hits.inputs.item_matrix.detach().numpy()[hits.memory.target.numpy()[hits.entry]].astype(np.float64)
    targets /= np.maximum(np.linalg.norm(targets, axis=2, keepdims=True), np.finfo(np.float64).tiny)
    return targets @ targets.transpose(0, 2, 1)


def closest_first(chosen: Indices, hits: Hits) -> tuple[Indices, Mask]:
    """Return the chosen columns by decreasing cosine, forbidden ones last, and which are allowed."""
    mask = np.take_along_axis(hits.allowed, chosen, axis=1)
    closeness = np.where(mask, np.take_along_axis(hits.cosine, chosen, axis=1), -np.inf)
    order = np.lexsort((chosen, -closeness), axis=1)
    return np.take_along_axis(chosen, order, axis=1), np.take_along_axis(mask, order, axis=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class BestPerRange:
    """The first ``per_range`` allowed hits of each range of the entries' prefix length, in the index's order.

    Source: problem list 9.2.

    Attributes:
        edges: same as the index's ``edges``.
        per_range: number of neighbours per range.
        oversample: hits requested from each range per neighbour.
    """

    edges: tuple[int, ...]
    per_range: int
    oversample: int = 4

    @property
    def ranges(self) -> tuple[int, ...]:
        return self.edges

    @property
    def n_hits(self) -> int:
        """Number of hits to request from each range."""
        return self.per_range * self.oversample

    def choose(self, hits: Hits) -> tuple[Indices, Mask]:
        number = range_of(hits.memory.position[hits.entry], self.edges)
        kept = np.zeros_like(hits.allowed)
        for each in range(len(self.edges) + 1):
            inside = hits.allowed & (number == each)
            kept |= inside & (np.cumsum(inside, axis=1) <= self.per_range)
        columns = np.argsort(~kept, axis=1, kind="stable")[:, : self.per_range * (len(self.edges) + 1)]
        return columns, np.take_along_axis(kept, columns, axis=1)
