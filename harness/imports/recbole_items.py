"""How RecBole numbers items: by their first row in the ``.inter`` file, after its own filters.

Source: RecBole 1.2.1 (Zhao et al., CIKM 2021): filters by number of interactions, then ``pandas.factorize`` over the
rows that are left, in the file's order, before any sorting by time; number 0 is padding. The code is our own.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from harness.data.events import Codes, Events
from harness.errors import InputError

_INTERVAL = re.compile(r"([\[(])([^,;\[\]()]+),([^,;\[\]()]+)([\])])")

_OTHER_FILTERS = (
    "rm_dup_inter",
    "val_interval",
    "lowest_val",
    "highest_val",
    "equal_val",
    "not_equal_val",
    "benchmark_filename",
    "alias_of_item_id",
    "fields_in_same_space",
)
"""Settings of RecBole, old and new, that decide which rows are left or how items are numbered, and are not imitated."""


@dataclass(frozen=True, slots=True)
class Interval:
    """Numbers of interactions that are let through."""

    low: float
    high: float
    low_counts: bool = True
    high_counts: bool = True

    def holds(self, counts: Codes) -> NDArray[np.bool_]:
        """Which counts lie within, ``(n,)``."""
        above = counts >= self.low if self.low_counts else counts > self.low
        below = counts <= self.high if self.high_counts else counts < self.high
        return above & below

    def __str__(self) -> str:
        return f"{'[' if self.low_counts else '('}{self.low:g}, {self.high:g}{']' if self.high_counts else ')'}"


@dataclass(frozen=True, slots=True, kw_only=True)
class RecBoleFilter:
    """Which users and items RecBole kept, by their numbers of interactions, which lie in one of the intervals.

    Attributes:
        user, item: the intervals.
    """

    user: tuple[Interval, ...]
    item: tuple[Interval, ...]

    @classmethod
    def at_least(cls, n_interactions: int) -> RecBoleFilter:
        """The k-core filter of both users and items."""
        least = (Interval(n_interactions, math.inf, high_counts=False),)
        return cls(user=least, item=least)

    @classmethod
    def of_settings(cls, settings: Mapping[str, object]) -> RecBoleFilter:
        """The filter of a RecBole configuration, of 1.x (intervals) or of before (smallest and largest numbers).

        Raises:
            InputError: it filters or numbers in a way that is not imitated here.
        """
        for key in _OTHER_FILTERS:
            if settings.get(key):
                raise InputError(
                    f"the model was trained with RecBole's setting {key}, which changes its numbering of items in a "
                    f"way that is not imitated; apply it to the .inter file itself and train without {key}"
                )
        return cls(user=_intervals(settings, "user"), item=_intervals(settings, "item"))

    def __str__(self) -> str:
        user, item = ("; ".join(map(str, each)) for each in (self.user, self.item))
        return f"users with {user} and items with {item} interactions"


def recbole_items(events: Events, kept: RecBoleFilter) -> list[str]:
    """The ids of RecBole's items in the order of their numbers, from 1.

    Args:
        events: the ``.inter`` file, in its order.
        kept: RecBole's filter, applied until it leaves nothing out.
    """
    alive = np.arange(len(events.item))
    while len(alive):
        users, items = events.user[alive], events.item[alive]
        keep = _let_through(kept.user, np.bincount(users))[users] & _let_through(kept.item, np.bincount(items))[items]
        if keep.all():
            break
        alive = alive[keep]
    numbers: list[int] = pd.unique(events.item[alive]).tolist()
    return [events.item_labels[number] for number in numbers]


def _let_through(intervals: tuple[Interval, ...], counts: Codes) -> NDArray[np.bool_]:
    return np.any([each.holds(counts) for each in intervals], axis=0)


def _intervals(settings: Mapping[str, object], side: str) -> tuple[Interval, ...]:
    key = f"{side}_inter_num_interval"
    written = settings.get(key)
    if written is None:
        low, high = settings.get(f"min_{side}_inter_num"), settings.get(f"max_{side}_inter_num")
        return (Interval(_bound(low, 0.0, side), _bound(high, math.inf, side)),)
    parts = [part.strip() for part in str(written).split(";")]
    found = [_INTERVAL.fullmatch(part) for part in parts]
    intervals = []
    for match in found:
        if match is None:
            raise InputError(
                f"RecBole's setting {key} is {str(written)[:80]!r}, which is no list of intervals as [5,inf)"
            )
        opening, low, high, closing = match.groups()
        try:
            intervals.append(Interval(float(low), float(high), opening == "[", closing == "]"))
        except ValueError:
            raise InputError(f"RecBole's setting {key} is {str(written)[:80]!r}; its bounds are no numbers") from None
    return tuple(intervals)


def _bound(value: object, default: float, side: str) -> float:
    if value is None:
        return default
    if isinstance(value, int | float):
        return float(value)
    raise InputError(f"RecBole's smallest or largest number of a {side}'s interactions is no number in this checkpoint")
