"""Seams ``phases``, ``learning_rates``, ``weight_decay`` and ``backbone_dropout``: what trains, how fast."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Protocol

from harness.backbones.values import ParameterGroups
from harness.recipe.schedules import Progress, Span

RETRIEVER, FUSION = "retriever", "fusion"
BACKBONE_WEIGHT_DECAY = 3e-4
"""Adam's coupled L2 on parts of the backbone that train.  Source: FTragrec as found, point 11."""

NEW_PARTS: tuple[str, ...] = (RETRIEVER, FUSION)
"""Groups of parameters that the backbone does not have."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LearningRates:
    """Adam's step size of each group of parameters.  Source: FTragrec as found, point 11.

    Attributes:
        new_parts: of the retriever and the fusion.
        backbone: of backbone groups that train; None: a phase that unfreezes them takes a share of ``new_parts``.
        blocks: last blocks that train from the start though no phase unfreezes them.
    """

    new_parts: float = 1e-3
    backbone: float | None = None
    blocks: int = 0


def moves_backbone(rates: Mapping[str, float]) -> bool:
    """Whether any group of the backbone is among those that train, group -> step size."""
    return bool(rates.keys() - set(NEW_PARTS))


class Phases(Protocol):
    """A spec of the seam ``phases``."""

    def moves_backbone(self, rates: LearningRates) -> bool:
        """Whether any group of the backbone trains in any epoch."""
        ...

    def last_blocks(self, rates: LearningRates) -> int:
        """Last blocks of the backbone that train in some epoch while the rest of it does not; 0: none ever does."""
        ...

    def rates(self, progress: Progress, backbone: ParameterGroups, rates: LearningRates) -> Mapping[str, float]:
        """Group that trains in the epoch -> its step size; all others are frozen.

        Args:
            progress: the epoch.
            backbone: groups of the backbone, from the embeddings to the last block.
            rates: the recipe's learning rates.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class RetrieverOnly:
    """Everything shared with the backbone stays frozen but what has learning rates of its own.  Source: point 3."""

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
    """The retriever alone; from ``start`` the last blocks as well; from ``all_from`` the whole backbone.

    Backbone groups learn at a share of the new parts' rate, or, where ``learning_rates`` gives them one of their own,
    at that in the second phase and at ``all_factor / blocks_factor`` of it in the third.

    Attributes:
        start, all_from: when the phases begin; None: the third never does.
        blocks: last blocks of the second phase.
        blocks_factor, all_factor: shares of the new parts' rate in the second and third phase, fractions.

    Source: seed 2.1.
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
    """Whether the frozen backbone's own dropout stays on while the retriever trains.  Source: point 11."""

    ACTIVE = "active"
    OFF = "off"
