"""Seams ``attention_query``, ``similarity``, ``keys`` and ``temperature``: how neighbours are weighted."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Protocol

from harness.recipe.schedules import Constant, Progress, Schedule

if TYPE_CHECKING:
    from torch import Tensor

    from harness.engine.types.forward import Encode
    from harness.engine.types.retrieved import Retrieved
    from harness.recipe.schedules import Progress


class AttentionQuery(Protocol):
    """A spec of the seam ``attention_query``: the query of the mixing weights.

    Attributes:
        reaches_retriever: whether gradients flow from the mixing weights through the query to the retriever.
    """

    reaches_retriever: ClassVar[bool]

    def choose(self, sequence: Tensor, query: Tensor) -> Tensor:
        """Return the query vectors ``(batch, d)``, chosen from ``s`` (``sequence``) and ``R(s)`` (``query``)."""
        ...


class Similarity(Protocol):
    """A spec of the seam ``similarity``: the similarity of a query and its neighbours' keys."""

    def __call__(self, query: Tensor, keys: Tensor) -> Tensor:
        """Return similarities ``(batch, k)`` of queries ``(batch, d)`` to their neighbours' keys ``(batch, k, d)``."""
        ...


class Keys(Protocol):
    """A spec of the seam ``keys``: the neighbours' keys.

    Attributes:
        reaches_retriever: whether gradients flow from the keys to the retriever.
    """

    reaches_retriever: ClassVar[bool]

    def gather(self, retrieved: Retrieved, encode: Encode) -> Tensor:
        """Return the neighbours' keys, ``(batch, k, d)``; ``encode`` is R, as applied to the batch's queries."""
        ...


class Temperature(Protocol):
    """A spec of the seam ``temperature``: tau of the mixing weights and of the retrieval distribution."""

    def __call__(self, progress: Progress, retrieved: Retrieved) -> float | Tensor:
        """Return tau: one number, or ``(batch, 1)`` if it differs per sample."""
        ...

    def at(self, progress: Progress) -> float:
        """Return the epoch's tau for the log; a mid-range value if tau differs per sample."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class BackboneQuery:
    """The query of the mixing weights is the backbone vector ``s``, not ``R(s)``.  Source: point 7."""

    reaches_retriever: ClassVar[bool] = False

    def choose(self, sequence: Tensor, query: Tensor) -> Tensor:
        return sequence


@dataclass(frozen=True, slots=True, kw_only=True)
class RetrieverQuery:
    """The query of the mixing weights is ``R(s)``, as in the retrieval distribution.  Source: beyond the list."""

    reaches_retriever: ClassVar[bool] = True

    def choose(self, sequence: Tensor, query: Tensor) -> Tensor:
        return query


@dataclass(frozen=True, slots=True, kw_only=True)
class DotProduct:
    """Raw inner products; the logits grow with the norms.  Source: FTragrec as published, points 5 and 7."""

    def __call__(self, query: Tensor, keys: Tensor) -> Tensor:
        return (keys @ query[:, :, None]).squeeze(-1)


@dataclass(frozen=True, slots=True, kw_only=True)
class CosineSimilarity:
    """Inner products of normalised vectors, in [-1, 1].  Source: beyond the list."""

    def __call__(self, query: Tensor, keys: Tensor) -> Tensor:
        from torch.nn.functional import normalize

        return DotProduct()(normalize(query, dim=-1), normalize(keys, dim=-1))


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredKeys:
    """Neighbours' keys as stored in the memory.  Source: FTragrec as published, point 5."""

    reaches_retriever: ClassVar[bool] = False

    def gather(self, retrieved: Retrieved, encode: Encode) -> Tensor:
        return retrieved.memory.keys[retrieved.neighbours.entry]


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveKeys:
    """Neighbours' keys, re-encoded by the current retriever, so that both sides get gradients.

    Source: beyond the list.
    """

    reaches_retriever: ClassVar[bool] = True

    def gather(self, retrieved: Retrieved, encode: Encode) -> Tensor:
        return encode(retrieved.histories)


@dataclass(frozen=True, slots=True, kw_only=True)
class SharedTemperature:
    """One tau for all samples and both distributions.  Source: FTragrec as published, points 5 and 7."""

    schedule: Schedule = Constant(0.07)

    def __call__(self, progress: Progress, retrieved: Retrieved) -> float | Tensor:
        return self.schedule(progress)

    def at(self, progress: Progress) -> float:
        return self.schedule(progress)


class Hardness(Protocol):
    """A measure of how hard a sample is, from 0 to 1."""

    def __call__(self, retrieved: Retrieved) -> Tensor:
        """Return the hardness of each sample, ``(batch,)``, without gradient."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class DistantNeighbours:
    """One minus the best cosine of the sample's neighbours; 1 without neighbours or if the best cosine is below 0."""

    def __call__(self, retrieved: Retrieved) -> Tensor:
        neighbours = retrieved.neighbours
        return 1.0 - neighbours.cosine.where(neighbours.mask, 0.0).amax(dim=1).clamp(0.0, 1.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class UndecidedBackbone:
    """The entropy of the backbone's softmax over the catalogue, divided by ``ln I`` (``I`` items)."""

    def __call__(self, retrieved: Retrieved) -> Tensor:
        from harness.engine.live.likelihood import catalogue_entropy

        items = retrieved.inputs.item_matrix
        return catalogue_entropy(retrieved.sequence, items) / math.log(max(2, len(items) - 1))


@dataclass(frozen=True, slots=True, kw_only=True)
class HardnessTemperature:
    """A tau per sample, ``tau_i = low + (high - low) hardness_i``, in both distributions.  Source: problem list 6.3.

    Attributes:
        low, high: tau at hardness 0 and at hardness 1.
        hardness: the measure of hardness.
    """

    low: float
    high: float
    hardness: Hardness

    def __call__(self, progress: Progress, retrieved: Retrieved) -> float | Tensor:
        return self.low + (self.high - self.low) * self.hardness(retrieved)[:, None]

    def at(self, progress: Progress) -> float:
        return (self.low + self.high) / 2.0
