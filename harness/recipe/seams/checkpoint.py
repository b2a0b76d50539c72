"""Seam ``checkpoint``: which epoch is kept, and whether it uses retrieval at inference; by validation only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Protocol

from harness.recipe.schedules import Progress, Span


class Retrieval(Enum):
    """Whether scores are computed with retrieval (the seam ``scorer``) or from the backbone's vector alone."""

    ON = "on"
    OFF = "off"


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """The result of a checkpoint rule for one epoch.

    Attributes:
        figure: the number to maximise; compared within one part only.
        by: whether ``figure`` was measured with or without retrieval.
        served: whether retrieval is on at inference if this epoch is kept.
        part: an epoch of a later part replaces every epoch of an earlier part.
        last_part: whether this is the last part; only then can patience end the run.
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
        """The validation metric that the rule reads."""
        ...

    def judge(self, progress: Progress, valid_on: Mapping[str, float], valid_off: Mapping[str, float]) -> Verdict:
        """Judge an epoch by its validation means, metric name -> mean, with retrieval on and off."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class BestOnValid:
    """The epoch with the best validation metric, retrieval on; ties go to the first.  Source: data protocol."""

    metric: str = "mrr@10"

    def judge(self, progress: Progress, valid_on: Mapping[str, float], valid_off: Mapping[str, float]) -> Verdict:
        return Verdict(figure=valid_on[self.metric], by=Retrieval.ON, served=Retrieval.ON)


@dataclass(frozen=True, slots=True, kw_only=True)
class BestOfBoth:
    """The best pair of epoch and retrieval on or off by the validation metric; ties go to off, the simpler one.

    Attributes:
        metric: the validation metric.
        off_only: consider only the metric without retrieval.

    Source: problem list 8.2.
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
    """Validation without retrieval first, then with it; the best epoch and patience restart at the switch.

    Attributes:
        metric: the validation metric.
        until: when validation switches to retrieval on.

    Source: problem list 8.3.
    """

    metric: str
    until: Span

    def judge(self, progress: Progress, valid_on: Mapping[str, float], valid_off: Mapping[str, float]) -> Verdict:
        if progress.towards(self.until) < 1.0:
            figure = valid_off[self.metric]
            return Verdict(figure=figure, by=Retrieval.OFF, served=Retrieval.ON, part=0, last_part=False)
        return Verdict(figure=valid_on[self.metric], by=Retrieval.ON, served=Retrieval.ON, part=1)
