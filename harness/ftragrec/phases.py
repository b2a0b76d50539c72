"""Seams ``phases``, ``learning_rates``, ``weight_decay`` and ``backbone_dropout``: what trains, how fast."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Protocol

from harness.schedules import Progress


class Phases(Protocol):
    """A spec of the seam ``phases``."""

    def trainable(self, progress: Progress) -> frozenset[str]:
        """Groups of parameters that train in the epoch, of ``retriever`` and ``fusion``."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class RetrieverOnly:
    """Everything shared with the backbone stays frozen.  Source: FTragrec as found, point 3."""

    def trainable(self, progress: Progress) -> frozenset[str]:
        return frozenset({"retriever", "fusion"})


@dataclass(frozen=True, slots=True, kw_only=True)
class LearningRates:
    """Adam's learning rate of each group of parameters.  Source: FTragrec as found, point 11."""

    retriever: float = 1e-3
    fusion: float = 1e-3

    def of(self, group: str) -> float:
        """The rate of a group of parameters."""
        return {"retriever": self.retriever, "fusion": self.fusion}[group]


class BackboneDropout(Enum):
    """Whether the frozen backbone's own dropout stays on while the retriever trains.  Source: point 11."""

    ACTIVE = "active"
    OFF = "off"
