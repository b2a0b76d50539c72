"""Seams ``phases``, ``learning_rates``, ``weight_decay`` and ``backbone_dropout``: what trains, and how fast."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Protocol

from harness.backbones.values import ParameterGroups
from harness.recipe.schedules import Progress, Span

RETRIEVER, FUSION = "retriever", "fusion"
BACKBONE_WEIGHT_DECAY = 3e-4
"""Adam's coupled L2 on trainable parts of the backbone.  Source: FTragrec as published, point 11."""

NEW_PARTS: tuple[str, ...] = (RETRIEVER, FUSION)
"""Parameter groups outside the backbone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LearningRates:
    """Adam's learning rates per group of parameters.  Source: FTragrec as published, point 11.

    Attributes:
        new_parts: rate of the retriever and the fusion.
        backbone: rate of trainable backbone groups; None: a phase that unfreezes them uses a share of ``new_parts``.
        blocks: number of last blocks that train from the start, even if no phase unfreezes them.
    """

    new_parts: float = 1e-3
    backbone: float | None = None
    blocks: int = 0


def moves_backbone(rates: Mapping[str, float]) -> bool:
    """Return whether ``rates`` (group -> learning rate of what trains) contains any group of the backbone."""
    return bool(rates.keys() - set(NEW_PARTS))


class Phases(Protocol):
    """A spec of the seam ``phases``: which groups of parameters train in which epoch."""

    def moves_backbone(self, rates: LearningRates) -> bool:
        """Return whether any group of the backbone trains in any epoch."""
        ...

    def last_blocks(self, rates: LearningRates) -> int:
        """Return how many last blocks train in some epoch while the rest of the backbone is frozen; 0: none."""
        ...

    def rates(self, progress: Progress, backbone: ParameterGroups, rates: LearningRates) -> Mapping[str, float]:
        """Return group -> learning rate for the groups that train in the epoch; all others are frozen.

        Args:
            progress: the epoch.
            backbone: the backbone's groups, from the embeddings to the last block.
            rates: the recipe's learning rates.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class RetrieverOnly:
    """The backbone stays frozen, except last blocks with their own learning rate.  Source: point 3."""

    def moves_backbone(self, rates: LearningRates) -> bool:
        return self.last_blocks(rates) > 0

    def last_blocks(self, rates: LearningRates) -> int:
        return rates.blocks if rates.backbone is not None else 0

    def rates(self, progress: Progress, backbone: ParameterGroups, rates: LearningRates) -> Mapping[str, float]:
        trained = dict.fromkeys(NEW_PARTS, rates.new_parts)
        if rates.backbone is not None:
            trained |= dict.fromkeys(backbone.last_blocks(rates.blocks), rates.backbone)
        return trained


@dataclass(frozen=True, slots=True, kw_only=True)
class GradualUnfreezing:
    """The new parts alone; from ``start`` also the last blocks; from ``all_from`` the whole backbone.

    Backbone groups train at a share of the new parts' rate. If ``learning_rates.backbone`` is set, they train at that
    rate in the second phase and at ``all_factor / blocks_factor`` of it in the third.

    Attributes:
        start, all_from: when the second and third phase begin; ``all_from`` None: there is no third phase.
        blocks: number of last blocks that train in the second phase.
        blocks_factor, all_factor: shares of the new parts' rate in the second and third phase, fractions.

    Source: problem list 2.1.
    """

    start: Span
    blocks: int
    all_from: Span | None
    blocks_factor: float
    all_factor: float

    def moves_backbone(self, rates: LearningRates) -> bool:
        return True

    def last_blocks(self, rates: LearningRates) -> int:
        return self.blocks if self.all_from != self.start else 0

    def rates(self, progress: Progress, backbone: ParameterGroups, rates: LearningRates) -> Mapping[str, float]:
        trained = dict.fromkeys(NEW_PARTS, rates.new_parts)
        first = rates.new_parts * self.blocks_factor if rates.backbone is None else rates.backbone
        if self.all_from is not None and progress.towards(self.all_from) >= 1.0:
            return trained | dict.fromkeys(backbone.names, first * self.all_factor / self.blocks_factor)
        if progress.towards(self.start) >= 1.0:
            return trained | dict.fromkeys(backbone.last_blocks(self.blocks), first)
        return trained


class BackboneDropout(Enum):
    """Whether the dropout of the frozen backbone stays active during training.  Source: point 11."""

    ACTIVE = "active"
    OFF = "off"
