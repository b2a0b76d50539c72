"""Seam ``checkpoint``: which epoch of a run is kept.  It reads valid only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Protocol


class Retrieval(Enum):
    """Whether scores come from the enhanced vector or from the backbone's."""

    ON = "on"
    OFF = "off"


class CheckpointRule(Protocol):
    """A spec of the seam ``checkpoint``."""

    def figure(self, valid_on: Mapping[str, float], valid_off: Mapping[str, float]) -> float:
        """The number to maximise, from metric name -> mean on valid, retrieval on and off."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class BestOnValid:
    """The epoch with the best valid figure; ties go to the first.  Source: FTragrec as found, data protocol."""

    metric: str = "mrr@10"
    retrieval: Retrieval = Retrieval.ON

    def figure(self, valid_on: Mapping[str, float], valid_off: Mapping[str, float]) -> float:
        return (valid_on if self.retrieval is Retrieval.ON else valid_off)[self.metric]
