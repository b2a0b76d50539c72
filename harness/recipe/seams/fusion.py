"""Seams ``values``, ``scale``, ``fusion`` and ``share``: from weighted neighbours to the enhanced vector."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Protocol

from harness.errors import InputError
from harness.recipe.schedules import Constant, Progress, Schedule

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn

    from harness.engine.live.fusion_modules import DimensionGate, NeighbourAttention, NetAlpha, SimilarityAlpha
    from harness.engine.live.modules import KnowledgeAlone
    from harness.engine.types.retrieved import Retrieved


SHORTEST = 1e-12
"""Smallest norm to divide by, so that zero knowledge (a sample without neighbours) stays zero."""


class Values(Protocol):
    """A spec of the seam ``values``: the vector that each neighbour contributes to the knowledge."""

    def gather(self, retrieved: Retrieved) -> Tensor:
        """Return the neighbours' values, ``(batch, k, d)``."""
        ...


class Scale(Protocol):
    """A spec of the seam ``scale``: the norm of the knowledge before fusion."""

    def __call__(self, knowledge: Tensor, sequence: Tensor) -> Tensor:
        """Return the rescaled knowledge, ``(batch, d)``, given the knowledge and ``s``, ``(batch, d)`` each."""
        ...


class Fusion(Protocol):
    """A spec of the seam ``fusion``: the module that computes the fused vector.

    Attributes:
        learns: whether the module has parameters.
        reads_knowledge: whether it uses the knowledge, which ``attention_query``, ``values`` and ``scale`` define.
    """

    learns: ClassVar[bool]
    reads_knowledge: ClassVar[bool]

    def build(self, hidden_size: int) -> nn.Module:
        """Return the module; calling it returns the fused vector, ``(batch, d)``.

        It is called with a :class:`~harness.engine.types.retrieved.Retrieved`, the knowledge ``(batch, d)`` and a
        generator for its dropout; None means evaluation mode.
        """
        ...


class Share(Protocol):
    """A spec of the seam ``share``: the weight of the fused vector in the enhanced vector."""

    def __call__(self, progress: Progress, retrieved: Retrieved) -> float | Tensor:
        """Return the share: one number, or ``(batch, 1)`` if it differs per sample."""
        ...

    def at(self, progress: Progress) -> float:
        """Return the epoch's share for the log; a mid-range value if the share differs per sample."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetValues:
    """A neighbour's value is the embedding of its target.  Source: FTragrec as published, point 1."""

    def gather(self, retrieved: Retrieved) -> Tensor:
        return retrieved.target_embeddings


@dataclass(frozen=True, slots=True, kw_only=True)
class SequenceValues:
    """A neighbour's value is the backbone vector of its prefix.  Source: beyond the list."""

    def gather(self, retrieved: Retrieved) -> Tensor:
        return retrieved.histories


@dataclass(frozen=True, slots=True, kw_only=True)
class MeanValues:
    """A neighbour's value is the mean of its target's embedding and its prefix's backbone vector.

    Source: beyond the list.
    """

    def gather(self, retrieved: Retrieved) -> Tensor:
        return (retrieved.target_embeddings + retrieved.histories) / 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Unscaled:
    """Knowledge at its original norm, about one thirtieth of the norm of ``s``.  Source: point 7."""

    def __call__(self, knowledge: Tensor, sequence: Tensor) -> Tensor:
        return knowledge


@dataclass(frozen=True, slots=True, kw_only=True)
class SequenceNorm:
    """Knowledge rescaled to the norm of ``s``, so that the share rotates the enhanced vector.

    Source: beyond the list.
    """

    def __call__(self, knowledge: Tensor, sequence: Tensor) -> Tensor:
        length = knowledge.norm(dim=1, keepdim=True).clamp(min=SHORTEST)
        return knowledge * (sequence.norm(dim=1, keepdim=True) / length)


@dataclass(frozen=True, slots=True, kw_only=True)
class LinearFusion:
    """The fused vector is the knowledge; only the share weights it.  Source: point 7."""

    learns: ClassVar[bool] = False
    reads_knowledge: ClassVar[bool] = True

    def build(self, hidden_size: int) -> KnowledgeAlone:
        """Return a module without parameters."""
        from harness.engine.live.modules import KnowledgeAlone

        return KnowledgeAlone()


@dataclass(frozen=True, slots=True, kw_only=True)
class ScheduledShare:
    """One share (alpha) for all samples: ``enhanced = s + share x (fused - s)``.  Source: point 7."""

    schedule: Schedule = Constant(0.15)

    def __call__(self, progress: Progress, retrieved: Retrieved) -> float | Tensor:
        return self.schedule(progress)

    def at(self, progress: Progress) -> float:
        return self.schedule(progress)


def enhance(
    retrieved: Retrieved,
    knowledge: Tensor,
    share: float | Tensor,
    fuse: nn.Module,
    generator: torch.Generator | None = None,
) -> Tensor:
    """Return the enhanced vectors ``(batch, d)``; a sample without neighbours keeps exactly its backbone vector."""
    sequence = retrieved.sequence
    fused = fuse(retrieved, knowledge, generator)
    return (sequence + share * (fused - sequence)).where(retrieved.neighbours.any[:, None], sequence)


@dataclass(frozen=True, slots=True, kw_only=True)
class AlphaBySimilarity:
    """An alpha per sample, from the mean cosine of its neighbours: ``sigmoid(mean_j cos_ij / T) x max``.

    Source: problem list 4.1, whose snippet uses the mean of the attention weights, which is 1/k for any neighbours.

    Attributes:
        maximum: upper bound of alpha, a fraction in (0, 1].
        temperature: T; a smaller T pushes alpha closer to its maximum for cosines above 0.
    """

    learns: ClassVar[bool] = False
    reads_knowledge: ClassVar[bool] = True

    maximum: float
    temperature: float

    def build(self, hidden_size: int) -> SimilarityAlpha:
        """Return a module without parameters."""
        from harness.engine.live.fusion_modules import SimilarityAlpha

        return SimilarityAlpha(maximum=self.maximum, temperature=self.temperature)


@dataclass(frozen=True, slots=True, kw_only=True)
class AlphaByNet:
    """An alpha per sample, from a small network over ``s``, the knowledge and the cosines.  Source: problem list 4.1.

    Attributes:
        maximum: upper bound of alpha, a fraction in (0, 1].
        n_hidden: width of the network's one hidden layer.
    """

    learns: ClassVar[bool] = True
    reads_knowledge: ClassVar[bool] = True

    maximum: float
    n_hidden: int

    def build(self, hidden_size: int) -> NetAlpha:
        """Return the module with uninitialised weights."""
        from harness.engine.live.fusion_modules import NetAlpha

        return NetAlpha(hidden_size=hidden_size, n_hidden=self.n_hidden, maximum=self.maximum)


@dataclass(frozen=True, slots=True, kw_only=True)
class GatedFusion:
    """A gate per dimension, ``sigmoid(W [s ; knowledge] + b)``, instead of one alpha.  Source: problem list 4.2.

    Attributes:
        bias: initial b; W starts at 0, so -1.7 makes every gate 0.154 at the start.
    """

    learns: ClassVar[bool] = True
    reads_knowledge: ClassVar[bool] = True

    bias: float

    def build(self, hidden_size: int) -> DimensionGate:
        """Return the module with uninitialised weights."""
        from harness.engine.live.fusion_modules import DimensionGate

        return DimensionGate(hidden_size=hidden_size, bias=self.bias)


@dataclass(frozen=True, slots=True, kw_only=True)
class AttentionFusion:
    """Multi-head attention of ``s`` over its neighbours; keys are their prefixes' vectors, values their targets'.

    It computes its own knowledge: the attention weights of point 7 and the seam ``scale`` have no effect.

    Source: problem list 4.3; Vaswani et al., NeurIPS 2017, section 3.2; Zhao et al., arXiv 2412.18378, who use such a
    fusion with 20 neighbours.

    Attributes:
        n_heads: number of heads; must divide the width of the backbone.
        dropout: rate on the output of the attention and of the feed-forward part, in [0, 1).
    """

    learns: ClassVar[bool] = True
    reads_knowledge: ClassVar[bool] = False

    n_heads: int
    dropout: float

    def build(self, hidden_size: int) -> NeighbourAttention:
        """Return the module with uninitialised weights.

        Raises:
            InputError: ``n_heads`` does not divide ``hidden_size``.
        """
        from harness.engine.live.fusion_modules import NeighbourAttention

        if hidden_size % self.n_heads:
            raise InputError(
                f"{self.n_heads} heads do not divide the width {hidden_size} of the backbone; take a number that does"
            )
        return NeighbourAttention(hidden_size=hidden_size, n_heads=self.n_heads, dropout=self.dropout)
