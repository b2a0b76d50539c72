"""Schedules: a schedule maps the progress of training to a number.

A span of training is a fraction of the epoch budget, so that a schedule also acts in short runs, or a number of epochs.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

Span = float | str
"""A stretch of training: a fraction of the epoch budget, or a number of epochs such as ``10ep``."""


def epochs_of(span: Span, epochs: int) -> float:
    """Return the length of a span in epochs, for a budget of ``epochs``.

    >>> epochs_of(0.5, 20), epochs_of("3ep", 20)
    (10.0, 3.0)
    """
    return float(span.removesuffix("ep")) if isinstance(span, str) else round(span * epochs, 9)


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """The results of one epoch.

    Attributes:
        on, off: the metric on the validation set that chooses the checkpoint, with and without retrieval.
        losses: term -> mean over the epoch, nats.
    """

    on: float
    off: float
    losses: Mapping[str, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """The state of a run at the start of an epoch.

    Attributes:
        epoch: the next epoch to train, counted from 0.
        epochs: the epoch budget, at least 1.
        seen: one entry for each trained epoch, oldest first.
    """

    epoch: int
    epochs: int
    seen: tuple[Seen, ...] = ()

    @property
    def fraction(self) -> float:
        """The share of the budget that is already used, in [0, 1)."""
        return self.epoch / self.epochs

    def towards(self, span: Span) -> float:
        """Return the completed share of a span that begins at the start of training, in [0, 1].

        >>> Progress(epoch=2, epochs=8).towards(0.5), Progress(epoch=2, epochs=8).towards("1ep")
        (0.5, 1.0)
        """
        length = epochs_of(span, self.epochs)
        return min(self.epoch / length, 1.0) if length > 0 else 1.0


class Schedule(Protocol):
    """A value for each epoch of training."""

    def __call__(self, progress: Progress) -> float:
        """Return the value for the epoch of ``progress``."""
        ...


@dataclass(frozen=True, slots=True)
class Constant:
    """The same value in every epoch.

    >>> Constant(0.5)(Progress(epoch=3, epochs=10))
    0.5
    """

    value: float

    def __call__(self, progress: Progress) -> float:
        return self.value


@dataclass(frozen=True, slots=True, kw_only=True)
class Linear:
    """Linear from ``start`` to ``end``, which is reached at ``until``.

    >>> [Linear(start=0.0, end=1.0, until=0.5)(Progress(epoch=e, epochs=4)) for e in range(4)]
    [0.0, 0.5, 1.0, 1.0]
    """

    start: float
    end: float
    until: Span = 1.0

    def __call__(self, progress: Progress) -> float:
        done = progress.towards(self.until)
        return self.start + (self.end - self.start) * done


@dataclass(frozen=True, slots=True, kw_only=True)
class Cosine:
    """Half a cosine from ``start`` to ``end``, which is reached at ``until``.

    >>> round(Cosine(start=0.0, end=1.0)(Progress(epoch=1, epochs=4)), 4)
    0.1464
    """

    start: float
    end: float
    until: Span = 1.0

    def __call__(self, progress: Progress) -> float:
        done = progress.towards(self.until)
        return self.start + (self.end - self.start) * (1.0 - math.cos(math.pi * done)) / 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Exponential:
    """Exponential decay (or growth) from ``start`` to ``end``, which is reached at ``until``.

    ``start`` and ``end`` must be above 0.

    >>> round(Exponential(start=0.2, end=0.05)(Progress(epoch=2, epochs=4)), 4)
    0.1
    """

    start: float
    end: float
    until: Span = 1.0

    def __call__(self, progress: Progress) -> float:
        done = progress.towards(self.until)
        return self.start * (self.end / self.start) ** done


def ramp(kind: type[Linear | Cosine | Exponential], *, start: float, end: float, until: Span) -> Schedule:
    """Return a schedule from ``start`` to ``end``; a :class:`Constant` if both are equal.

    >>> ramp(Linear, start=0.5, end=0.5, until="3ep")
    Constant(value=0.5)
    """
    return Constant(start) if start == end else kind(start=start, end=end, until=until)


@dataclass(frozen=True, slots=True, kw_only=True)
class OnValidation:
    """A value that is multiplied by ``1 + rate`` after each epoch in which retrieval helped, else by ``1 - rate``.

    Retrieval helped if the validation metric is higher with it. The value is clamped to [low, high].

    >>> better, worse = Seen(on=0.2, off=0.1, losses={}), Seen(on=0.1, off=0.1, losses={})
    >>> schedule = OnValidation(start=0.5, rate=0.2, low=0.05, high=1.0)
    >>> [round(schedule(Progress(epoch=n, epochs=3, seen=(better, worse)[:n])), 3) for n in range(3)]
    [0.5, 0.6, 0.48]
    """

    start: float
    rate: float
    low: float
    high: float

    def __call__(self, progress: Progress) -> float:
        value = self.start
        for each in progress.seen:
            factor = 1.0 + self.rate if each.on > each.off else 1.0 - self.rate
            value = min(max(value * factor, self.low), self.high)
        return value
