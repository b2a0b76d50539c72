"""How far a figure lies beyond a threshold, and whether its uncertainty leaves that in doubt."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from statistics import NormalDist

CONFIDENCE = 0.95
"""Confidence level of every interval that a check or a rule uses."""

NEAR = 0.1
"""For figures without an error in the evidence: the share of the threshold within which the side cannot be told."""

NORMAL = NormalDist()
Z = NORMAL.inv_cdf(0.5 + CONFIDENCE / 2.0)


class Compares(Enum):
    """What a check compares with its threshold."""

    EXACT = "An exact figure, yes or no."
    QUERIES = "The 95% interval of the figure: its standard error over the sampled queries, and the spread of the runs."
    RUNS = "The 95% interval of the figure over runs; a single run cannot tell within a tenth of the threshold."
    STUDY = "A 95% interval over what the study repeats."


class Sense(Enum):
    """How the sentence of a check states the difference that it asks about."""

    AS_ASKED = "the sentence names first what has to be larger for an issue"
    REVERSED = "the sentence names first what has to be smaller"


class Side(Enum):
    """On which side of its threshold a figure is for sure."""

    BEYOND = "beyond"
    SHORT = "short"
    UNSURE = "unsure"


@dataclass(frozen=True, slots=True, kw_only=True)
class Lead:
    """A figure against a threshold in one run.

    Attributes:
        by: how far it is beyond the threshold; below 0 it falls short.
        error: standard error of `by` over the sampled queries; NaN where the evidence does not hold it.
        near: the quantity, such as the threshold, of which :data:`NEAR` is a share if there is no error.
        smallest: if `by` is a gain, the smallest that counts: `by` has to be above 0 for sure and larger than this;
            if it is below this for sure, it does not count.
        of: number of questions asked at once; the interval holds for all of them (Bonferroni).
    """

    by: float
    error: float
    near: float
    smallest: float = 0.0
    of: int = 1

    @property
    def half(self) -> float:
        """Half the width of the interval around `by`."""
        return NEAR * abs(self.near) if math.isnan(self.error) else NORMAL.inv_cdf(_tail(self.of)) * self.error

    @property
    def side(self) -> Side:
        return side_of(self.by, self.half, self.smallest)


@dataclass(frozen=True, slots=True, kw_only=True)
class Short:
    """A condition of a rule: that the lead falls short of its threshold for sure."""

    lead: Lead


Condition = bool | Lead | Short
"""A rule's condition on a run's figures: yes, a lead beyond its threshold for sure, or one short of it for sure."""


def hold(conditions: Sequence[Condition]) -> bool:
    """Whether one condition holds over runs: by their leads, pooled as for checks, or by yes in more than half."""
    leads = [each.lead if isinstance(each, Short) else each for each in conditions]
    measured = [each for each in leads if isinstance(each, Lead) and not math.isnan(each.by)]
    if any(isinstance(each, Lead) for each in leads):
        wanted = Side.SHORT if isinstance(conditions[0], Short) else Side.BEYOND
        return bool(measured) and side_of(*pooled(measured)) is wanted
    return 2 * sum(bool(each) for each in conditions) > len(conditions)


def _tail(of: int) -> float:
    """The probability at the upper end of an interval that holds for this many questions at once."""
    return 1.0 - (1.0 - CONFIDENCE) / (2.0 * of)


def gravest(found: Sequence[tuple[float, float, float]]) -> int:
    """The place of the gravest answer: of those beyond for sure the furthest, else the one that may lie furthest.

    Args:
        found: how far beyond, half the width of the interval, and the smallest that counts, for each question.

    >>> gravest([(0.1, 0.05, 0.0), (0.3, 0.4, 0.0)]), gravest([(-0.1, 0.05, 0.0), (-0.3, 0.4, 0.0)])
    (0, 1)
    """

    def grave(place: int) -> tuple[bool, float]:
        by, half, smallest = found[place]
        beyond = side_of(by, half, smallest) is Side.BEYOND
        return beyond, by if beyond else by + half

    return max(range(len(found)), key=grave)


def side_of(by: float, half: float, smallest: float = 0.0) -> Side:
    """Where an interval lies.

    >>> side_of(0.3, 0.1), side_of(-0.3, 0.1), side_of(0.3, 0.5)
    (<Side.BEYOND: 'beyond'>, <Side.SHORT: 'short'>, <Side.UNSURE: 'unsure'>)
    """
    if by > max(smallest, half):
        return Side.BEYOND
    if by + half < smallest or (half == 0.0 and by <= smallest):
        return Side.SHORT
    return Side.UNSURE


def mean(values: Sequence[float]) -> float:
    """Mean of the numbers among the values; NaN where there is none."""
    numbers = [each for each in values if not math.isnan(each)]
    return math.fsum(numbers) / len(numbers) if numbers else math.nan


def pooled(leads: Sequence[Lead]) -> tuple[float, float, float]:
    """Mean of leads over runs, half the width of its interval, and the smallest gain that counts.

    All runs sample the same queries, so more runs do not reduce the sampling error; the spread between runs is added to
    it, with Student's quantile for the number of runs. If the evidence holds no error, :data:`NEAR` of the threshold
    replaces it in a single run; in several, only their spread counts.
    """
    n = len(leads)
    by, smallest = math.fsum(each.by for each in leads) / n, math.fsum(each.smallest for each in leads) / n
    if n == 1:
        return by, leads[0].half, smallest
    within = math.sqrt(math.fsum(0.0 if math.isnan(each.error) else each.half**2 for each in leads) / n)
    from scipy.special import stdtrit  # pyright: ignore[reportMissingTypeStubs, reportUnknownVariableType]

    spread = math.sqrt(math.fsum((each.by - by) ** 2 for each in leads) / (n - 1))
    quantile = float(stdtrit(n - 1, _tail(leads[0].of)))  # pyright: ignore[reportUnknownArgumentType]
    return by, math.hypot(within, quantile * spread / math.sqrt(n)), smallest


def above(value: float, threshold: float, error: float, *, room: float | None = None) -> Lead:
    """An issue where a figure is above a threshold.

    Args:
        room: the quantity of which :data:`NEAR` is a share; None: the threshold. Less if the scale ends near it.
    """
    return Lead(by=value - threshold, error=error, near=threshold if room is None else room)


def below(value: float, threshold: float, error: float, *, room: float | None = None) -> Lead:
    """An issue where a figure is below a threshold; the arguments are those of :func:`above`."""
    return Lead(by=threshold - value, error=error, near=threshold if room is None else room)


def gain(value: float, smallest: float, error: float) -> Lead:
    """An issue where a difference is above 0 for sure and larger than the smallest one that counts."""
    return Lead(by=value, error=error, near=smallest, smallest=smallest)


def share_error(share: float, n: float) -> float:
    """Standard error of a share of `n` queries (Agresti and Coull 1998), not 0 at a share of 0 or 1; NaN without `n`.

    >>> round(share_error(0.0, 512.0), 4)
    0.0027
    """
    trials = n + Z * Z
    middle = (share * n + Z * Z / 2.0) / trials
    return math.sqrt(middle * (1.0 - middle) / trials)
