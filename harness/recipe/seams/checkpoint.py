"""Seam ``checkpoint``: which epoch of a run is kept, and whether it is served with retrieval.  It reads valid only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Protocol

from harness.recipe.schedules import Progress, Span


class Retrieval(Enum):
    """Whether scores come from the enhanced vector or from the backbone's."""

    ON = "on"
    OFF = "off"


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What a rule makes of one evaluation.

    Attributes:
        figure: the number to maximise; compared within a part only.
        by: which of the two figures it is.
        served: how the epoch would be served, were it kept.
        part: an epoch of a later part replaces any of an earlier one.
        last_part: whether no later part is to come, so that patience may end the run.
    """

    figure: float
    by: Retrieval
    served: Retrieval
    part: int = 0
    last_part: bool = True


class CheckpointRule(Protocol):
    """A spec of the seam ``checkpoint``."""

    @property
    def metric(self) -> str:
        """The metric on valid that it reads."""
        ...

    def judge(self, progress: Progress, valid_on: Mapping[str, float], valid_off: Mapping[str, float]) -> Verdict:
        """Judge an epoch by its means on valid, metric name -> mean, retrieval on and off."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class BestOnValid:
    """The epoch with the best valid figure, retrieval on; ties go to the first.  Source: data protocol."""

    metric: str = "mrr@10"

    def judge(self, progress: Progress, valid_on: Mapping[str, float], valid_off: Mapping[str, float]) -> Verdict:
        return Verdict(figure=valid_on[self.metric], by=Retrieval.ON, served=Retrieval.ON)


@dataclass(frozen=True, slots=True, kw_only=True)
class BestOfBoth:
    """The epoch and the mode with the best valid figure together; ties go to retrieval off, the simpler.

    Attributes:
        metric: that is read.
        off_only: look at the figures without retrieval alone.

    Source: seed 8.2.
    """

    metric: str
    off_only: bool = False

    def judge(self, progress: Progress, valid_on: Mapping[str, float], valid_off: Mapping[str, float]) -> Verdict:
        on, off = valid_on[self.metric], valid_off[self.metric]
        if self.off_only or off >= on:
            return Verdict(figure=off, by=Retrieval.OFF, served=Retrieval.OFF)
        return Verdict(figure=on, by=Retrieval.ON, served=Retrieval.ON)


@dataclass(frozen=True, slots=True, kw_only=True)
class OffThenOn:
    """Validation without retrieval at first, then with it; best and patience start anew at the switch.

    Attributes:
        metric: that is read.
        until: when retrieval is switched on.

    Source: seed 8.3.
    """

    metric: str
    until: Span

    def judge(self, progress: Progress, valid_on: Mapping[str, float], valid_off: Mapping[str, float]) -> Verdict:
        if progress.towards(self.until) < 1.0:
            figure = valid_off[self.metric]
            return Verdict(figure=figure, by=Retrieval.OFF, served=Retrieval.ON, part=0, last_part=False)
        return Verdict(figure=valid_on[self.metric], by=Retrieval.ON, served=Retrieval.ON, part=1)
