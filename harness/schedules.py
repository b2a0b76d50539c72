"""Numbers that change over a run: a schedule maps the progress of training to a value.

Durations count in fractions of the epoch budget, so that a schedule acts in short runs too.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """Where a run stands at the start of an epoch.

    Attributes:
        epoch: the epoch that is about to be trained, counted from 0.
        epochs: the epoch budget, at least 1.
    """

    epoch: int
    epochs: int

    @property
    def fraction(self) -> float:
        """The share of the budget already spent, in [0, 1)."""
        return self.epoch / self.epochs


class Schedule(Protocol):
    """Anything that gives a value for a moment of training."""

    def __call__(self, progress: Progress) -> float:
        """The value that holds throughout the epoch of ``progress``."""
        ...


@dataclass(frozen=True, slots=True)
class Constant:
    """The same value at every epoch.

    >>> Constant(0.5)(Progress(epoch=3, epochs=10))
    0.5
    """

    value: float

    def __call__(self, progress: Progress) -> float:
        return self.value


@dataclass(frozen=True, slots=True, kw_only=True)
class Linear:
    """From ``start`` to ``end`` in a straight line, reached at the fraction ``until``.

    >>> [Linear(start=0.0, end=1.0, until=0.5)(Progress(epoch=e, epochs=4)) for e in range(4)]
    [0.0, 0.5, 1.0, 1.0]
    """

    start: float
    end: float
    until: float = 1.0

    def __call__(self, progress: Progress) -> float:
        done = min(progress.fraction / self.until, 1.0)
        return self.start + (self.end - self.start) * done


@dataclass(frozen=True, slots=True, kw_only=True)
class Cosine:
    """From ``start`` to ``end`` along half a cosine, reached at the fraction ``until``.

    >>> round(Cosine(start=0.0, end=1.0)(Progress(epoch=1, epochs=4)), 4)
    0.1464
    """

    start: float
    end: float
    until: float = 1.0

    def __call__(self, progress: Progress) -> float:
        done = min(progress.fraction / self.until, 1.0)
        return self.start + (self.end - self.start) * (1.0 - math.cos(math.pi * done)) / 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Exponential:
    """Geometric decay (or growth) from ``start`` to ``end``, reached at the fraction ``until``.

    Both ends are above zero.

    >>> round(Exponential(start=0.2, end=0.05)(Progress(epoch=2, epochs=4)), 4)
    0.1
    """

    start: float
    end: float
    until: float = 1.0

    def __call__(self, progress: Progress) -> float:
        done = min(progress.fraction / self.until, 1.0)
        return self.start * (self.end / self.start) ** done
