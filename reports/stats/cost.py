"""Cost of an effect: seconds per run, and the rows on the Pareto front of effect and time."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from harness.results.frame import Frame
from harness.results.manifest import BASE
from harness.results.record import RunRecord


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """An effect and its price.

    Attributes:
        seconds: median wall time of a run.
    """

    name: str
    effect: float
    seconds: float


def pareto_front(offers: list[Offer]) -> tuple[Offer, ...]:
    """Return the Pareto front, quickest first: no other offer has at least the same effect in at most the same time.

    Of equal offers, the first by name is kept.
    """
    front: list[Offer] = []
    for offer in sorted(offers, key=lambda offer: (offer.seconds, -offer.effect, offer.name)):
        if not front or offer.effect > front[-1].effect:
            front.append(offer)
    return tuple(front)


def median_seconds(cells: Mapping[int, RunRecord], stage: str) -> float | None:
    """Median seconds of a stage; None if no run recorded it."""
    return _median(record.seconds.get(stage) for record in cells.values())


def median_cost(cells: Mapping[int, RunRecord], cost: str) -> float | None:
    """Median of a cost at inference; None if no run recorded it."""
    return _median(record.costs.get(cost) for record in cells.values())


def _median(values: Iterable[float | None]) -> float | None:
    known = [float(value) for value in values if value is not None]
    return float(np.median(known)) if known else None


def paired_seconds(frame: Frame, name: str) -> tuple[float | None, float | None]:
    """Median wall time of a row's runs and of base's, on the replicates that both have."""
    paired = frame.paired(name)
    own, base = (
        median_seconds({number: frame.records[row][number] for number in paired}, "total")
        for row in (frame.source(name), BASE)
    )
    return own, base
