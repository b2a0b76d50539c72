"""Further figures of one row of the ranking, besides its effect on the primary metric."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricCell:
    """One metric of one row on the test set: level as served and with retrieval off, and the effect with its q-value.

    Attributes:
        on: level as served.
        off: level without retrieval; None for a table of ranks, which has no such ranks.
        q: Benjamini-Hochberg q-value over all secondary metrics and arms; None for the primary and where not tested.
    """

    metric: str
    on: float
    off: float | None
    effect: float | None = None
    relative: float | None = None
    q: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Gain:
    """Retrieval on minus retrieval off within a row, on the primary metric.

    Attributes:
        q: p-value with the Benjamini-Hochberg correction over the rows.
    """

    effect: float
    low: float
    high: float
    q: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Without:
    """The effect without validation targets in the memory, with its 95% interval."""

    effect: float
    relative: float | None
    low: float
    high: float
    p: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class LogRank:
    """The effect on the natural logarithm of the target's rank in the full list; below 0 is better.

    Attributes:
        change: the same as a relative change of the rank, such as -0.03.
        p_holm: p-value with Holm's correction over the arms; this test has its own significance level.
        reading: ``improve``, ``worsen`` or ``open``.
    """

    effect: float
    low: float
    high: float
    change: float
    p: float | None
    p_holm: float | None
    reading: Literal["improve", "worsen", "open"]


@dataclass(frozen=True, slots=True, kw_only=True)
class GuardCell:
    """The effect on a metric that must not fall.

    Attributes:
        p_holm: p-value with Holm's correction over the guards of all better arms; None where it is not tested.
        fell: whether the arm is better on the primary metric and lowers this one.
    """

    metric: str
    effect: float
    low: float
    high: float
    p_holm: float | None
    fell: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class LastTarget:
    """The primary metric on each user's last target alone; the effect is None for base."""

    level: float
    effect: float | None = None
    low: float | None = None
    high: float | None = None
