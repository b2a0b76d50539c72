"""Session neighbours: other users' sequences that share the query's last items, and the items around those."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar, Self, cast

import numpy as np

from harness.baselines.base import TIE_BREAK, Baseline, Events, Floats, Integers, Learned, Queries, put_last, spread
from harness.baselines.item_neighbours import nearest
from harness.data.interactions import Times

N_LAST = 10
"""Number of a query's last items by which sequences are compared."""

N_SEQUENCES = 100
"""Number of most similar sequences that contribute to a query's scores."""

MOST_EVENTS = 200
"""Number of an item's latest events to search; all events of a popular item would take too long."""

WINDOW = 5
"""Maximum distance from the shared item at which a sequence's other items count, in events."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionNeighbours(Baseline):
    """Sequences that share the query's last items, weighted by recency: V-SKNN with the position weights of STAN.

    The similarity of a query and another user's sequence of ``n`` training events is the sum over shared items of
    ``exp(-lag / reach)``, divided by ``sqrt(n)``; ``lag`` is 0 for the query's last item. Each of the
    :data:`N_SEQUENCES` most similar sequences adds its similarity times ``exp(-|d| / spread)`` to the item ``d`` places
    after (or before, if ``d < 0``) the latest shared item, at most :data:`WINDOW` places away.

    Attributes:
        reach: lag at which an item of the query weighs 1/e, in events.
        spread: distance from the shared item at which an item weighs 1/e, in events.
        history_last: whether items of the history rank after all others.

    Source: Ludewig and Jannach, "Evaluation of session-based recommendation algorithms", UMUAI 2018 (V-SKNN); Garg et
    al., "Sequence and time aware neighborhood for session-based recommendations: STAN", SIGIR 2019.
    """

    name: ClassVar[str] = "session neighbours"
    title: ClassVar[str] = "Session neighbours"
    title_zh: ClassVar[str] = "会话近邻"
    honours_time: ClassVar[bool] = True

    reach: float = 1.0
    spread: float = 2.0
    history_last: bool = True

    @classmethod
    def grid(cls, *, repeats: bool) -> tuple[Self, ...]:
        return tuple(
            cls(reach=reach, history_last=last)
            for reach in (1.0, 4.0)
            for last in ((True, False) if repeats else (True,))
        )

    def learn(self, events: Events) -> _Sequences:
        number = np.arange(len(events))
        times: Times = number[:0]
        when = number
        if events.time is not None:
            distinct, when = np.unique(events.time, return_inverse=True)
            times = cast("Times", distinct)
        by_item = np.lexsort((number, when, events.item))
        step = int(when.max(initial=0)) + 2
        return _Sequences(
            of=self,
            events=events,
            by_item=by_item,
            first=np.searchsorted(events.item[by_item], np.arange(events.n_items + 2)),
            times=times,
            when=when,
            users=events.user * step + when,
            items=(events.item * step + when)[by_item],
            step=step,
            share=events.share,
        )

    def learn_again(self, events: Events, earlier: Learned) -> Learned:
        return replace(earlier, of=self) if isinstance(earlier, _Sequences) else self.learn(events)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Sequences:
    """Events of item ``i`` by time: ``by_item[first[i]:first[i + 1]]``; event ``e`` has time ``times[when[e]]``.

    Attributes:
        users: user and time of every event as one number, ascending, ``(n,)``.
        items: item and time of every event as one number, in the order of ``by_item``, ascending, ``(n,)``.
        step: difference between consecutive users or items in these numbers.
        share: each item's share of all events, ``(n_items,)``.
    """

    of: SessionNeighbours
    events: Events
    by_item: Integers
    first: Integers
    times: Times
    when: Integers
    users: Integers
    items: Integers
    step: int
    share: Floats

    def scores(self, queries: Queries) -> Floats:
        row, event, alike = self._similar(queries)
        kept = nearest(row, alike, N_SEQUENCES)
        row, event, alike = row[kept], event[kept], alike[kept]
        away = np.concatenate([np.arange(-WINDOW, 0), np.arange(1, WINDOW + 1)])
        place = event[:, None] + away
        inside = (place >= 0) & (place < len(self.events))
        place = np.where(inside, place, event[:, None])
        inside &= self.events.user[place] == self.events.user[event][:, None]
        if queries.before is not None and self.events.time is not None:
            inside &= self.events.time[place] < queries.before[row][:, None]
        gain = (alike[:, None] * np.exp(-np.abs(away) / self.of.spread))[inside]
        n_items = self.events.n_items
        cell = (row[:, None] * n_items + self.events.item[place] - 1)[inside]
        scores = np.bincount(cell, weights=gain, minlength=len(queries) * n_items).reshape(len(queries), n_items)
        scores += TIE_BREAK * self._share(queries)
        return put_last(scores, queries) if self.of.history_last else scores

    def _similar(self, queries: Queries) -> tuple[Integers, Integers, Floats]:
        """Return query, latest shared event and similarity for every pair of query and sequence that share an item."""
        n_users = self.events.n_users
        shared = queries.last(N_LAST)[:, ::-1].ravel()  # oldest first, so that the latest of several events is kept
        asks = np.repeat(np.arange(len(queries)), N_LAST)
        start = self.first[shared]
        stop = start + self._known(self.items, shared, asks, queries)
        entry, place = spread(np.maximum(start, stop - MOST_EVENTS), np.where(shared > 0, stop, 0))
        event = self.by_item[place]
        row, lag = np.divmod(entry, N_LAST)
        others = self.events.user[event] != queries.user[row]
        row, event, lag = row[others], event[others], N_LAST - 1 - lag[others]
        order = np.argsort(row * n_users + self.events.user[event], kind="stable")
        row, event, weight = row[order], event[order], np.exp(-lag / self.of.reach)[order]
        user = self.events.user[event]
        first = np.flatnonzero((np.diff(row, prepend=-1) != 0) | (np.diff(user, prepend=-1) != 0))
        if not len(first):
            return row, event, weight
        latest = np.append(first[1:], len(event)) - 1
        length = self._known(self.users, user[first], row[first], queries)
        return row[first], event[latest], np.add.reduceat(weight, first) / np.sqrt(length)

    def _known(self, of: Integers, wanted: Integers, row: Integers, queries: Queries) -> Integers:
        """Return the number of events of each wanted user or item that its query may use.

        Args:
            of: :attr:`users` or :attr:`items`.
            wanted: users or items, ``(n,)``.
            row: index of the query for each of these, ``(n,)``.
            queries: all queries.
        """
        first = wanted * self.step
        older = self._older(queries)
        end = first + (self.step if older is None else older[row])
        return np.searchsorted(of, end) - np.searchsorted(of, first)

    def _older(self, queries: Queries) -> Integers | None:
        """Return how many of :attr:`times` are older than each query, ``(n,)``; None if time sets no limit."""
        if queries.before is None or not len(self.times):
            return None
        return np.searchsorted(self.times, queries.before)

    def _share(self, queries: Queries) -> Floats:
        """Return each item's share of the events before each query, ``(n, n_items)``; without limit ``(n_items,)``."""
        older = self._older(queries)
        if older is None:
            return self.share
        ends, row = np.unique(older, return_inverse=True)
        n_items = self.events.n_items
        # An event is counted at the first end after it; the cumulative sum then counts it for all later ends.
        end = np.searchsorted(ends, self.when, side="right")
        seen = end < len(ends)
        cell = end[seen] * n_items + self.events.item[seen] - 1
        counts = np.bincount(cell, minlength=len(ends) * n_items).reshape(len(ends), n_items).cumsum(axis=0)
        return (counts / np.maximum(counts.sum(axis=1, keepdims=True), 1))[row]
