"""What a baseline is: a frozen dataclass that learns from training events and scores every item for a query.

A plug-in adds one through the entry point group ``ftr_study.baselines``: a class below :class:`Baseline`, tested by
:func:`harness.contracts.baseline.check_baseline`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, fields
from typing import Any, ClassVar, Protocol, Self

import numpy as np
from numpy.typing import NDArray

from harness.data.interactions import Times

Integers = NDArray[np.int64]
Floats = NDArray[np.float64]

BEHIND = 1e9
"""How far the items of a query's own history fall back where a baseline puts them last."""

TIE_BREAK = 1e-12
"""Share of popularity in scores that are counts of something else: it orders only what they leave equal."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Events:
    """What a baseline may learn from: the events before each user's held-out ones.

    Attributes:
        user, item: of each event, users one after the other, oldest first, ``(n,)``; items count from 1.
        time: of each event, ``(n,)``; None where the data have no timestamps.
        n_users, n_items: size of the data.
    """

    user: Integers
    item: Integers
    time: Times | None
    n_users: int
    n_items: int

    def __len__(self) -> int:
        return len(self.user)

    @property
    def popularity(self) -> Floats:
        """Events of each item, ``(n_items,)``; item 1 comes first."""
        return np.bincount(self.item, minlength=self.n_items + 1)[1:].astype(np.float64)

    @property
    def repeats(self) -> bool:
        """Whether any user took an item more than once."""
        return len(np.unique(self.user * (self.n_items + 1) + self.item)) < len(self)

    @property
    def share(self) -> Floats:
        """Share of all events that each item has, ``(n_items,)``."""
        return self.popularity / max(len(self), 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Queries:
    """Queries without their targets.

    Attributes:
        user: who asks, ``(n,)``.
        items: every sequence of the data, end to end; query ``q`` has had ``items[start[q]:stop[q]]``.
        start, stop: ``(n,)``; every query has had an item.
        before: a baseline that honours time may use only events older than this, ``(n,)``; None where any will do.
    """

    user: Integers
    items: NDArray[np.int32]
    start: Integers
    stop: Integers
    before: Times | None = None

    def __len__(self) -> int:
        return len(self.user)

    def part(self, which: slice) -> Queries:
        """Some of them, in order."""
        return Queries(
            user=self.user[which],
            items=self.items,
            start=self.start[which],
            stop=self.stop[which],
            before=None if self.before is None else self.before[which],
        )

    def last(self, count: int) -> Integers:
        """The last items of each, the latest first, 0 where a history is shorter, ``(n, count)``."""
        place = self.stop[:, None] - 1 - np.arange(count)
        return np.where(place >= self.start[:, None], self.items[np.maximum(place, 0)], 0).astype(np.int64)

    def history(self) -> tuple[Integers, Integers, Integers]:
        """Every item that each has had: the row of its query, the item, and how many came after it, ``(n_had,)``."""
        rows, place = spread(self.start, self.stop)
        return rows, self.items[place].astype(np.int64), self.stop[rows] - 1 - place


class Learned(Protocol):
    """A baseline that has seen the training events."""

    def scores(self, queries: Queries) -> Floats:
        """Score of every item, ``(n_queries, n_items)``, finite; item 1 comes first.  The caller may overwrite it."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Baseline(ABC):
    """The parameters of a baseline: a frozen dataclass whose defaults make sense on any data.

    Attributes:
        name: of the row, unique among reference rows.
        title, title_zh: what the page calls it.
        honours_time: whether it obeys :attr:`Queries.before`.
    """

    name: ClassVar[str]
    title: ClassVar[str]
    title_zh: ClassVar[str] = ""
    honours_time: ClassVar[bool] = False

    @abstractmethod
    def learn(self, events: Events) -> Learned:
        """Counts of the events."""

    def learn_again(self, events: Events, earlier: Learned) -> Learned:
        """The same as :meth:`learn`, where another setting has learned from these events.

        A baseline whose settings share counts may take them over from ``earlier`` instead of counting again.
        """
        return self.learn(events)

    @classmethod
    def grid(cls, *, repeats: bool) -> tuple[Self, ...]:
        """The settings that the validation set chooses among, the first where several are equal.

        Args:
            repeats: whether users take items again and the protocol has them as candidates.
        """
        return (cls(),)

    def described(self) -> dict[str, Any]:
        """Parameter -> value."""
        return {each.name: getattr(self, each.name) for each in fields(self)}


def spread(start: Integers, stop: Integers) -> tuple[Integers, Integers]:
    """Every place of every range: the number of the range and the place, ranges one after the other.

    >>> [each.tolist() for each in spread(np.array([5, 0]), np.array([7, 1]))]
    [[0, 0, 1], [5, 6, 0]]
    """
    counts = np.maximum(stop - start, 0)
    ends = np.cumsum(counts)
    rows = np.repeat(np.arange(len(counts)), counts)
    return rows, np.arange(len(rows)) + (start - ends + counts)[rows]


def put_last(scores: Floats, queries: Queries) -> Floats:
    """The scores with the items of each history behind all others."""
    rows, items, _ = queries.history()
    scores[rows, items - 1] = -BEHIND
    return scores
