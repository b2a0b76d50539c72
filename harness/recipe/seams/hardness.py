"""A temperature that differs by sample: hard ones get a higher tau."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from torch import Tensor

    from harness.engine.types.retrieved import Retrieved
    from harness.recipe.schedules import Progress


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
