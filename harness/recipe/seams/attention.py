"""Seams ``attention_query``, ``similarity``, ``keys`` and ``temperature``: how neighbours are weighed."""

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
    """A spec of the seam ``attention_query``.

    Attributes:
        reaches_retriever: whether the mixing weights have a gradient to the retriever through the query.
    """

    reaches_retriever: ClassVar[bool]

    def choose(self, sequence: Tensor, query: Tensor) -> Tensor:
        """The vector that asks, of ``s`` and ``R(s)``, ``(batch, d)`` each."""
        ...


class Similarity(Protocol):
    """A spec of the seam ``similarity``."""

    def __call__(self, query: Tensor, keys: Tensor) -> Tensor:
        """Similarities ``(batch, k)`` of queries ``(batch, d)`` to their keys ``(batch, k, d)``."""
        ...


class Keys(Protocol):
    """A spec of the seam ``keys``.

    Attributes:
        reaches_retriever: whether the keys have a gradient to the retriever.
    """

    reaches_retriever: ClassVar[bool]

    def gather(self, retrieved: Retrieved, encode: Encode) -> Tensor:
        """Keys of the neighbours, ``(batch, k, d)``; ``encode`` is R as it encodes the batch's queries."""
        ...


class Temperature(Protocol):
    """A spec of the seam ``temperature``."""

    def __call__(self, progress: Progress, retrieved: Retrieved) -> float | Tensor:
        """tau: a number, or ``(batch, 1)`` where it differs by sample."""
        ...

    def at(self, progress: Progress) -> float:
        """Tau of the epoch, for the log: of all samples, or in the middle of theirs."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class BackboneQuery:
    """The mixing weights ask with the backbone vector ``s``, not with ``R(s)``.  Source: point 7."""

    reaches_retriever: ClassVar[bool] = False

    def choose(self, sequence: Tensor, query: Tensor) -> Tensor:
        return sequence


@dataclass(frozen=True, slots=True, kw_only=True)
class RetrieverQuery:
    """The mixing weights ask with ``R(s)``, as the retrieval distribution does.  Source: family 0."""

    reaches_retriever: ClassVar[bool] = True

    def choose(self, sequence: Tensor, query: Tensor) -> Tensor:
        return query


@dataclass(frozen=True, slots=True, kw_only=True)
class DotProduct:
    """Raw inner products, so logits grow with the norms.  Source: FTragrec as found, points 5 and 7."""

    def __call__(self, query: Tensor, keys: Tensor) -> Tensor:
        return (keys @ query[:, :, None]).squeeze(-1)


@dataclass(frozen=True, slots=True, kw_only=True)
class CosineSimilarity:
    """Inner products of normalised vectors, in [-1, 1].  Source: family 0."""

    def __call__(self, query: Tensor, keys: Tensor) -> Tensor:
        from torch.nn.functional import normalize

        return DotProduct()(normalize(query, dim=-1), normalize(keys, dim=-1))


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredKeys:
    """Neighbours' keys as the memory stored them.  Source: FTragrec as found, point 5."""

    reaches_retriever: ClassVar[bool] = False

    def gather(self, retrieved: Retrieved, encode: Encode) -> Tensor:
        return retrieved.memory.keys[retrieved.neighbours.entry]


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveKeys:
    """Neighbours' keys encoded anew by the retriever as it is, so that both sides get gradient.  Source: family 0."""

    reaches_retriever: ClassVar[bool] = True

    def gather(self, retrieved: Retrieved, encode: Encode) -> Tensor:
        return encode(retrieved.histories)


@dataclass(frozen=True, slots=True, kw_only=True)
class SharedTemperature:
    """One tau for every sample and for both distributions.  Source: FTragrec as found, points 5 and 7."""

    schedule: Schedule = Constant(0.07)

    def __call__(self, progress: Progress, retrieved: Retrieved) -> float | Tensor:
        return self.schedule(progress)

    def at(self, progress: Progress) -> float:
        return self.schedule(progress)


class Hardness(Protocol):
    """How hard a sample is, from 0 to 1."""

    def __call__(self, retrieved: Retrieved) -> Tensor:
        """Hardness of every sample, ``(batch,)``, without a gradient."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class DistantNeighbours:
    """Hard is what finds nothing similar: one minus the best cosine, 1 without neighbours or under a cosine of 0."""

    def __call__(self, retrieved: Retrieved) -> Tensor:
        neighbours = retrieved.neighbours
        return 1.0 - neighbours.cosine.where(neighbours.mask, 0.0).amax(dim=1).clamp(0.0, 1.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class UndecidedBackbone:
    """Hard is what leaves the backbone undecided: the entropy of its softmax over the catalogue, over ``ln I``."""

    def __call__(self, retrieved: Retrieved) -> Tensor:
        from harness.engine.live.likelihood import catalogue_entropy

        items = retrieved.inputs.item_matrix
        return catalogue_entropy(retrieved.sequence, items) / math.log(max(2, len(items) - 1))


@dataclass(frozen=True, slots=True, kw_only=True)
class HardnessTemperature:
    """``tau_i = low + (high - low) hardness_i`` in both distributions.  Source: seed 6.3.

    Attributes:
        low, high: tau of the easiest and of the hardest sample.
        hardness: what makes a sample hard.
    """

    low: float
    high: float
    hardness: Hardness

    def __call__(self, progress: Progress, retrieved: Retrieved) -> float | Tensor:
        return self.low + (self.high - self.low) * self.hardness(retrieved)[:, None]

    def at(self, progress: Progress) -> float:
        return (self.low + self.high) / 2.0
