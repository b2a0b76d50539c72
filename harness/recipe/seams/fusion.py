"""Seams ``values``, ``scale``, ``fusion`` and ``share``: from weighed neighbours to the enhanced vector."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Protocol

from harness.recipe.schedules import Constant, Progress, Schedule

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn

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
