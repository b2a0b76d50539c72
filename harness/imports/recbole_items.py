"""RecBole's numbering of items: by their first row in the ``.inter`` file, after its own filters.

Source: RecBole 1.2.1 (Zhao et al., CIKM 2021): filters by number of interactions, then ``pandas.factorize`` over the
remaining rows in the file's order, before any sorting by time; number 0 is padding. The code is our own.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import pandas as pd

from harness.data.events import Events, Fits, core
from harness.errors import InputError

_INTERVAL = re.compile(r"([\[(])([^,;\[\]()]+),([^,;\[\]()]+)([\])])")

_OTHER_FILTERS = (
    "rm_dup_inter val_interval lowest_val highest_val equal_val not_equal_val benchmark_filename alias_of_item_id "
    "fields_in_same_space"
).split()
"""Unsupported settings of RecBole, old and new, that change which rows remain or how items are numbered."""


class RecBoleFilter(NamedTuple):
    """RecBole's filter: it keeps users and items whose number of interactions is in one of the intervals.

    Attributes:
        user, item: the intervals as RecBole writes them, such as ``[5,10];(20,inf)``.
    """

    user: str
    item: str

    def __str__(self) -> str:
        return f"users with {self.user} and items with {self.item} interactions"


def recbole_filter(settings: Mapping[str, object]) -> RecBoleFilter:
    """Return the filter of a RecBole configuration, from 1.x (intervals) or earlier versions (minimum and maximum).

    Raises:
        InputError: the configuration has a filter or numbering that is not supported here.
    """
    for key in _OTHER_FILTERS:
        if settings.get(key):
            raise InputError(
                f"the model was trained with RecBole's setting {key}, which changes its numbering of items in a "
                f"way that is not imitated; apply it to the .inter file itself and train without {key}"
            )

    def intervals(side: str) -> str:
        written = settings.get(f"{side}_inter_num_interval")
        low, high = settings.get(f"min_{side}_inter_num"), settings.get(f"max_{side}_inter_num")
        old = f"[{0 if low is None else low},{'inf' if high is None else high}]"
        return old if written is None else str(written)

    return RecBoleFilter(intervals("user"), intervals("item"))


def recbole_items(events: Events, kept: RecBoleFilter) -> list[str]:
    """Return the ids of RecBole's items in the order of their numbers, from 1.

    Args:
        events: the events of the ``.inter`` file, in its order.
        kept: RecBole's filter, applied until it removes nothing more.

    Raises:
        InputError: the filter cannot be read.
    """
    left = core(events.user, events.item, keep_user=_within(kept.user), keep_item=_within(kept.item))
    numbers: list[int] = pd.unique(events.item[left]).tolist()
    return [events.item_labels[number] for number in numbers]


def _within(written: str) -> Fits:
    """Return a function from counts to whether each is in one of the intervals."""
    found = [_INTERVAL.fullmatch(part.strip()) for part in written.split(";")]
    try:
        intervals = [(each[1] == "[", float(each[2]), float(each[3]), each[4] == "]") for each in found if each]
    except ValueError:
        raise InputError(f"RecBole's filter {written[:80]!r} has bounds that are no numbers; train with one") from None
    if not all(found):
        raise InputError(f"RecBole's filter {written[:80]!r} is no list of intervals such as [5,inf); train with one")
    return lambda counts: np.any(
        [
            ((counts > low) | (from_low & (counts == low))) & ((counts < high) | (to_high & (counts == high)))
            for from_low, low, high, to_high in intervals
        ],
        axis=0,
    )
