"""The split by time that a protocol asks for, and the prefixes that it makes into samples.

A *prefix* is (user, position): the items before ``position`` in the user's sequence, whose next item is
``items[position]``. Prefixes are numbered users one after the other, positions 1 to length - 1 in each; of those
the last ones are the test queries, those before them the valid queries, and all others are training samples.
A test query's prefix holds every earlier event, earlier test events included.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.data.history import FirstEvents
from harness.data.interactions import Interactions
from harness.data.partners import Partners, group_by_target
from harness.data.protocol import AS_PUBLISHED, SPARED, Protocol

Indices = NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Prefixes:
    """Every prefix of a data set, split into training samples, valid queries and test queries.

    Attributes:
        protocol: that they are split by.
        user: owner of each prefix, ``(n_prefixes,)``.
        position: index of its target in the owner's sequence = its length, unclipped, ``(n_prefixes,)``.
        target: the next item, ``(n_prefixes,)``.
        train: numbers of the training prefixes, ascending, ``(n_train,)``.
        valid, test: numbers of the valid and the test queries, users one after the other, oldest first, ``(n_valid,)``
            and ``(n_test,)``; one each of every user where the protocol has one target.
        held_out: events of each user that are valid or test targets, ``(n_users,)``.
        partners: the training prefixes by target.
        had: looks up what a user has had, where the protocol hides it; else None.
    """

    protocol: Protocol
    user: Indices
    position: Indices
    target: Indices
    train: Indices
    valid: Indices
    test: Indices
    held_out: Indices
    partners: Partners
    had: FirstEvents | None = None

    @property
    def n_prefixes(self) -> int:
        return len(self.user)

    def by_user(self, values: NDArray[Any], queries: Indices) -> NDArray[Any]:
        """Values of :attr:`valid` or :attr:`test` queries, a row each user.

        Args:
            values: one each query, ``(n_queries,)``.
            queries: their numbers, those of a user together and in order.

        Returns:
            ``(n_users,)`` where every user has one query; else ``(n_users, most)`` with a user's last query in the last
            column, and 0 (or an empty text) before the first one of a user who has fewer.
        """
        counts = np.bincount(self.user[queries], minlength=len(self.held_out))
        most = int(counts.max(initial=0))
        if most <= 1:
            return values
        rows = np.zeros((len(counts), most), dtype=values.dtype)
        rows[np.arange(most) >= most - counts[:, None]] = values
        return rows

    def last(self, queries: Indices) -> Indices:
        """The last of each user's :attr:`valid` or :attr:`test` queries, ``(n_users,)``."""
        return queries[np.flatnonzero(np.diff(self.user[queries], append=-1))]


def split_prefixes(data: Interactions, protocol: Protocol = AS_PUBLISHED) -> Prefixes:
    """Number all prefixes and split them as the protocol says.

    Every user has at least ``MIN_SEQUENCE`` events (the loaders see to it).
    """
    counts = data.lengths - 1
    ends = np.cumsum(counts)
    user = np.repeat(np.arange(data.n_users), counts)
    position = np.arange(ends[-1]) - np.repeat(ends - counts, counts) + 1
    target = data.items[data.offsets[user] + position].astype(np.int64)
    n_test, n_valid = n_held_out(data.lengths, protocol)
    from_end = np.repeat(data.lengths, counts) - position
    is_test = from_end <= np.repeat(n_test, counts)
    is_valid = ~is_test & (from_end <= np.repeat(n_test + n_valid, counts))
    train = np.flatnonzero(~(is_test | is_valid))
    return Prefixes(
        protocol=protocol,
        user=user,
        position=position,
        target=target,
        train=train,
        valid=np.flatnonzero(is_valid),
        test=np.flatnonzero(is_test),
        held_out=n_test + n_valid,
        partners=group_by_target(target, user, train, data.n_items),
        had=FirstEvents.of(data) if protocol.hides_history else None,
    )


def n_held_out(lengths: Indices, protocol: Protocol) -> tuple[Indices, Indices]:
    """Test and validation targets of users with so many events, ``(n_users,)`` each."""
    n_test = _n_targets(lengths, protocol.targets)
    return n_test, _n_targets(lengths - n_test, protocol.valid_targets)


def events_needed(n_train: int, protocol: Protocol) -> int:
    """Events of a user who has so many training targets, at the least.

    >>> [events_needed(9, Protocol(targets=targets)) for targets in (1, 10)]
    [12, 21]
    """
    lengths = np.arange(1, n_train + protocol.targets + protocol.valid_targets + 2)
    n_test, n_valid = n_held_out(lengths, protocol)
    return int(lengths[np.argmax(lengths - 1 - n_test - n_valid >= n_train)])


def _n_targets(lengths: Indices, most: int) -> Indices:
    """Targets of each user at the end of so many events, ``(n_users,)``."""
    return np.clip(lengths - SPARED, 1, most)
