"""Seams ``values``, ``scale``, ``fusion`` and ``share``: from weighed neighbours to the enhanced vector."""

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
"""Knowledge of no length (a sample without neighbours) is not stretched."""


class Values(Protocol):
    """A spec of the seam ``values``."""

    def gather(self, retrieved: Retrieved) -> Tensor:
        """Values of the neighbours, ``(batch, k, d)``."""
        ...


class Scale(Protocol):
    """A spec of the seam ``scale``: how long the knowledge is before it is fused."""

    def __call__(self, knowledge: Tensor, sequence: Tensor) -> Tensor:
        """Knowledge ``(batch, d)`` at its new length, beside ``s`` ``(batch, d)``."""
        ...


class Fusion(Protocol):
    """A spec of the seam ``fusion``.

    Attributes:
        learns: whether the module has parameters.
        reads_knowledge: whether it uses the knowledge that ``attention_query``, ``values`` and ``scale`` make.
    """

    learns: ClassVar[bool]
    reads_knowledge: ClassVar[bool]

    def build(self, hidden_size: int) -> nn.Module:
        """A module called with what was retrieved, the knowledge ``(batch, d)`` and a generator for its dropout.

        It gives the fused vector, ``(batch, d)``; without a generator it is in evaluation mode.
        """
        ...


class Share(Protocol):
    """A spec of the seam ``share``: how much of the fused vector goes into ``enhanced``."""

    def __call__(self, progress: Progress, retrieved: Retrieved) -> float | Tensor:
        """The share: a number, or ``(batch, 1)`` where it differs by sample."""
        ...

    def at(self, progress: Progress) -> float:
        """The share of the epoch, for the log: of all samples, or in the middle of theirs."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetValues:
    """A neighbour contributes the embedding of the item that came next.  Source: FTragrec as found, point 1."""

    def gather(self, retrieved: Retrieved) -> Tensor:
        return retrieved.target_embeddings


@dataclass(frozen=True, slots=True, kw_only=True)
class SequenceValues:
    """A neighbour contributes the backbone vector of its own history.  Source: family 0; the seed's second symptom."""

    def gather(self, retrieved: Retrieved) -> Tensor:
        return retrieved.histories


@dataclass(frozen=True, slots=True, kw_only=True)
class MeanValues:
    """The mean of a neighbour's target embedding and of its history's vector.  Source: family 0."""

    def gather(self, retrieved: Retrieved) -> Tensor:
        return (retrieved.target_embeddings + retrieved.histories) / 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Unscaled:
    """Knowledge as the neighbours' values give it, some thirty times shorter than ``s``.  Source: point 7."""

    def __call__(self, knowledge: Tensor, sequence: Tensor) -> Tensor:
        return knowledge


@dataclass(frozen=True, slots=True, kw_only=True)
class SequenceNorm:
    """Knowledge as long as ``s``, so that the share turns the enhanced vector.  Source: family 0."""

    def __call__(self, knowledge: Tensor, sequence: Tensor) -> Tensor:
        length = knowledge.norm(dim=1, keepdim=True).clamp(min=SHORTEST)
        return knowledge * (sequence.norm(dim=1, keepdim=True) / length)


@dataclass(frozen=True, slots=True, kw_only=True)
class LinearFusion:
    """The fused vector is the knowledge itself, mixed in by the share alone.  Source: point 7."""

    learns: ClassVar[bool] = False
    reads_knowledge: ClassVar[bool] = True

    def build(self, hidden_size: int) -> KnowledgeAlone:
        """A module without parameters."""
        from harness.engine.live.modules import KnowledgeAlone

        return KnowledgeAlone()


@dataclass(frozen=True, slots=True, kw_only=True)
class ScheduledShare:
    """One alpha for every sample: ``enhanced = s + share x (fused - s)``.  Source: point 7."""

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
    """The enhanced vector ``(batch, d)``; a sample without neighbours keeps its backbone vector exactly."""
    sequence = retrieved.sequence
    fused = fuse(retrieved, knowledge, generator)
    return (sequence + share * (fused - sequence)).where(retrieved.neighbours.any[:, None], sequence)


@dataclass(frozen=True, slots=True, kw_only=True)
class AlphaBySimilarity:
    """An alpha a sample, from the mean cosine of its neighbours: ``sigmoid(mean_j cos_ij / T) x max``.

    Source: seed 4.1, whose snippet takes the mean of attention weights: 1/k whatever was retrieved, unlike the cosine.

    Attributes:
        maximum: upper end of alpha, a fraction in (0, 1].
        temperature: T; the smaller, the more a cosine above 0 drives alpha to its maximum.
    """

    learns: ClassVar[bool] = False
    reads_knowledge: ClassVar[bool] = True

    maximum: float
    temperature: float

    def build(self, hidden_size: int) -> SimilarityAlpha:
        """A module without parameters."""
        from harness.engine.live.fusion_modules import SimilarityAlpha

        return SimilarityAlpha(maximum=self.maximum, temperature=self.temperature)


@dataclass(frozen=True, slots=True, kw_only=True)
class AlphaByNet:
    """An alpha a sample, from a small network that reads ``s``, the knowledge and the cosines.  Source: seed 4.1.

    Attributes:
        maximum: upper end of alpha, a fraction in (0, 1].
        n_hidden: width of the network's one hidden layer.
    """

    learns: ClassVar[bool] = True
    reads_knowledge: ClassVar[bool] = True

    maximum: float
    n_hidden: int

    def build(self, hidden_size: int) -> NetAlpha:
        """The network and its mixture, the weights not yet set."""
        from harness.engine.live.fusion_modules import NetAlpha

        return NetAlpha(hidden_size=hidden_size, n_hidden=self.n_hidden, maximum=self.maximum)


@dataclass(frozen=True, slots=True, kw_only=True)
class GatedFusion:
    """A gate a dimension, ``sigmoid(W [s ; knowledge] + b)``, instead of one alpha.  Source: seed 4.2.

    Attributes:
        bias: b at the start, when W is zero; -1.7 opens every gate by .154.
    """

    learns: ClassVar[bool] = True
    reads_knowledge: ClassVar[bool] = True

    bias: float

    def build(self, hidden_size: int) -> DimensionGate:
        """The gate, its weights not yet set."""
        from harness.engine.live.fusion_modules import DimensionGate

        return DimensionGate(hidden_size=hidden_size, bias=self.bias)


@dataclass(frozen=True, slots=True, kw_only=True)
class AttentionFusion:
    """Multi-head attention of ``s`` over its neighbours: keys their histories, values their targets.

    It makes its own knowledge, so neither the attention weights of point 7 nor the scale of the knowledge reach it.

    Source: seed 4.3; Vaswani et al., NeurIPS 2017, section 3.2; Zhao et al., arXiv 2412.18378, whose fusion is of
    this kind with 20 neighbours.

    Attributes:
        n_heads: heads; they share the width, so their number divides it.
        dropout: rate on the output of the attention and of the feed-forward part, in [0, 1).
    """

    learns: ClassVar[bool] = True
    reads_knowledge: ClassVar[bool] = False

    n_heads: int
    dropout: float

    def build(self, hidden_size: int) -> NeighbourAttention:
        """The module, its weights not yet set.

        Raises:
            InputError: the heads do not divide the width.
        """
        from harness.engine.live.fusion_modules import NeighbourAttention

        if hidden_size % self.n_heads:
            raise InputError(
                f"{self.n_heads} heads do not divide the width {hidden_size} of the backbone; take a number that does"
            )
        return NeighbourAttention(hidden_size=hidden_size, n_heads=self.n_heads, dropout=self.dropout)
