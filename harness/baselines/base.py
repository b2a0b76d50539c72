"""The base class of baselines: a frozen dataclass that learns from training events and scores every item for a query.

A plug-in adds a baseline through the entry point group ``ftr_study.baselines``: a subclass of :class:`Baseline`, tested
by :func:`harness.contracts.baseline.check_baseline`.
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
"""Items of a query's own history score minus this in a baseline that ranks them last."""

TIE_BREAK = 1e-12
"""Factor of popularity in scores that are other counts: small enough to decide only between equal scores."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Events:
    """The events that a baseline may learn from: those before each user's held-out events.

    Attributes:
        user, item: user and item of each event, user by user, oldest first, ``(n,)``; items are numbered from 1.
        time: timestamp of each event, ``(n,)``; None if the data have no timestamps.
        n_users, n_items: number of users and items in the data.
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
        """Number of events of each item, ``(n_items,)``, item 1 first."""
        return np.bincount(self.item, minlength=self.n_items + 1)[1:].astype(np.float64)

    @property
    def repeats(self) -> bool:
        """Whether any user took an item more than once."""
        return len(np.unique(self.user * (self.n_items + 1) + self.item)) < len(self)

    @property
    def share(self) -> Floats:
        """Each item's share of all events, ``(n_items,)``."""
        return self.popularity / max(len(self), 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Queries:
    """Queries without their targets.

    Attributes:
        user: user of each query, ``(n,)``.
        items: all sequences of the data, end to end; the history of query ``q`` is ``items[start[q]:stop[q]]``.
        start, stop: range of each history in ``items``, ``(n,)``; no history is empty.
        before: a baseline with ``honours_time`` may use only events older than this, ``(n,)``; None: no limit.
    """

    user: Integers
    items: NDArray[np.int32]
    start: Integers
    stop: Integers
    before: Times | None = None

    def __len__(self) -> int:
        return len(self.user)

    def part(self, which: slice) -> Queries:
        """Return a slice of the queries."""
        return Queries(
            user=self.user[which],
            items=self.items,
            start=self.start[which],
            stop=self.stop[which],
            before=None if self.before is None else self.before[which],
        )

    def last(self, count: int) -> Integers:
        """Return the last ``count`` items of each history, latest first, 0 if it is shorter, ``(n, count)``."""
        place = self.stop[:, None] - 1 - np.arange(count)
        return np.where(place >= self.start[:, None], self.items[np.maximum(place, 0)], 0).astype(np.int64)

    def history(self) -> tuple[Integers, Integers, Integers]:
        """Return all items of all histories: row of the query, item, number of later items, ``(n_had,)`` each."""
        rows, place = spread(self.start, self.stop)
        return rows, self.items[place].astype(np.int64), self.stop[rows] - 1 - place


class Learned(Protocol):
    """A baseline that has learned from the training events."""

    def scores(self, queries: Queries) -> Floats:
        """Return finite scores of all items, ``(n_queries, n_items)``, item 1 first; the caller may overwrite them."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Baseline(ABC):
    """The parameters of a baseline: a frozen dataclass whose defaults make sense on any data.

    Attributes:
        name: name of its row, unique among reference rows.
        title, title_zh: name on the page, in English and Chinese.
        honours_time: whether it obeys :attr:`Queries.before`.
    """

    name: ClassVar[str]
    title: ClassVar[str]
    title_zh: ClassVar[str] = ""
    honours_time: ClassVar[bool] = False

    @abstractmethod
    def learn(self, events: Events) -> Learned:
        """Learn from the events, and return an object that scores queries."""

    def learn_again(self, events: Events, earlier: Learned) -> Learned:
        """Return the same as :meth:`learn`, after another setting has learned from the same events.

        If settings share counts, a baseline may reuse those of ``earlier`` instead of counting again.
        """
        return self.learn(events)

    @classmethod
    def grid(cls, *, repeats: bool) -> tuple[Self, ...]:
        """Return the settings to try; the best on the validation set is chosen, the first of several equal ones.

        Args:
            repeats: whether users take items repeatedly and items of the history are candidates in the protocol.
        """
        return (cls(),)

    def described(self) -> dict[str, Any]:
        """Return name -> value of the parameters."""
        return {each.name: getattr(self, each.name) for each in fields(self)}


def spread(start: Integers, stop: Integers) -> tuple[Integers, Integers]:
    """Return every place of every range, as numbers of the ranges and places, one range after the other.

    >>> [each.tolist() for each in spread(np.array([5, 0]), np.array([7, 1]))]
    [[0, 0, 1], [5, 6, 0]]
    """
    counts = np.maximum(stop - start, 0)
    ends = np.cumsum(counts)
    rows = np.repeat(np.arange(len(counts)), counts)
    return rows, np.arange(len(rows)) + (start - ends + counts)[rows]


def put_last(scores: Floats, queries: Queries) -> Floats:
    """Return the scores, changed in place so that the items of each history rank behind all others."""
    rows, items, _ = queries.history()
    scores[rows, items - 1] = -BEHIND
    return scores
