"""Seams ``values``, ``scale``, ``fusion`` and ``share``: from weighed neighbours to the enhanced vector."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from harness.schedules import Constant, Progress, Schedule

if TYPE_CHECKING:
    from torch import Tensor, nn

    from harness.ftragrec.inputs import Inputs
    from harness.ftragrec.memory import Memory
    from harness.ftragrec.modules import KnowledgeAlone
    from harness.ftragrec.search import Neighbours


SHORTEST = 1e-12
"""Knowledge of no length (a sample without neighbours) is not stretched."""


class Values(Protocol):
    """A spec of the seam ``values``."""

    def gather(self, memory: Memory, neighbours: Neighbours, inputs: Inputs) -> Tensor:
        """Values of the neighbours, ``(batch, k, d)``."""
        ...


class Scale(Protocol):
    """A spec of the seam ``scale``: how long the knowledge is before it is fused."""

    def __call__(self, knowledge: Tensor, sequence: Tensor) -> Tensor:
        """Knowledge ``(batch, d)`` at its new length, beside ``s`` ``(batch, d)``."""
        ...


class Fusion(Protocol):
    """A spec of the seam ``fusion``."""

    def build(self, hidden_size: int) -> nn.Module:
        """A module that fuses ``s`` and the knowledge, ``(batch, d)`` each, into ``(batch, d)``."""
        ...


class Share(Protocol):
    """A spec of the seam ``share``: how much of the fused vector goes into ``enhanced``."""

    def __call__(self, progress: Progress, neighbours: Neighbours) -> float | Tensor:
        """The share: a number, or ``(batch, 1)`` where it differs by sample."""
        ...

    def at(self, progress: Progress) -> float:
        """The share of the epoch, for the log: of all samples, or in the middle of theirs."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetValues:
    """A neighbour contributes the embedding of the item that came next.  Source: FTragrec as found, point 1."""

    def gather(self, memory: Memory, neighbours: Neighbours, inputs: Inputs) -> Tensor:
        return inputs.item_matrix[memory.target[neighbours.entry]]


@dataclass(frozen=True, slots=True, kw_only=True)
class SequenceValues:
    """A neighbour contributes the backbone vector of its own history.  Source: family 0; the seed's second symptom."""

    def gather(self, memory: Memory, neighbours: Neighbours, inputs: Inputs) -> Tensor:
        return inputs.encodings[memory.prefixes_of(neighbours.entry)]


@dataclass(frozen=True, slots=True, kw_only=True)
class MeanValues:
    """The mean of a neighbour's target embedding and of its history's vector.  Source: family 0."""

    def gather(self, memory: Memory, neighbours: Neighbours, inputs: Inputs) -> Tensor:
        targets = TargetValues().gather(memory, neighbours, inputs)
        return (targets + SequenceValues().gather(memory, neighbours, inputs)) / 2.0


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

    def build(self, hidden_size: int) -> KnowledgeAlone:
        """A module without parameters."""
        from harness.ftragrec.modules import KnowledgeAlone

        return KnowledgeAlone()


@dataclass(frozen=True, slots=True, kw_only=True)
class ScheduledShare:
    """One alpha for every sample: ``enhanced = s + share x (fused - s)``.  Source: point 7."""

    schedule: Schedule = Constant(0.15)

    def __call__(self, progress: Progress, neighbours: Neighbours) -> float | Tensor:
        return self.schedule(progress)

    def at(self, progress: Progress) -> float:
        return self.schedule(progress)


def enhance(
    sequence: Tensor, knowledge: Tensor, neighbours: Neighbours, share: float | Tensor, fuse: nn.Module
) -> Tensor:
    """The enhanced vector ``(batch, d)``; a sample without neighbours keeps its backbone vector exactly."""
    fused = fuse(sequence, knowledge)
    return (sequence + share * (fused - sequence)).where(neighbours.any[:, None], sequence)
