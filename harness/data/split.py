"""The split by time that a protocol defines, and the prefixes that serve as samples and queries.

A *prefix* is (user, position): the items before ``position`` in the user's sequence; its target is the next item,
``items[position]``. Prefixes are numbered user by user, positions 1 to length - 1 for each. A user's last prefixes
are test queries, those before them validation queries, and all others training samples. The prefix of a test query
contains every earlier event, earlier test events included.
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
        protocol: the protocol of the split.
        user: user of each prefix, ``(n_prefixes,)``.
        position: index of the target in the user's sequence, equal to the prefix's unclipped length, ``(n_prefixes,)``.
        target: the next item, ``(n_prefixes,)``.
        train: numbers of the training prefixes, ascending, ``(n_train,)``.
        valid, test: numbers of the validation and the test queries, user by user, oldest first, ``(n_valid,)`` and
            ``(n_test,)``; with one target in the protocol, one per user.
        held_out: number of each user's validation and test targets, ``(n_users,)``.
        partners: the training prefixes by target.
        had: look-up of the items in a user's history, if the protocol hides those; else None.
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
        """Arrange values of :attr:`valid` or :attr:`test` queries in one row per user.

        Args:
            values: one value per query, ``(n_queries,)``.
            queries: numbers of the queries, user by user and in order.

        Returns:
            ``(n_users,)`` if every user has one query; else ``(n_users, most)`` with a user's last query in the last
            column; rows of users with fewer queries start with 0 (or empty text).
        """
        counts = np.bincount(self.user[queries], minlength=len(self.held_out))
        most = int(counts.max(initial=0))
        if most <= 1:
            return values
        rows = np.zeros((len(counts), most), dtype=values.dtype)
        rows[np.arange(most) >= most - counts[:, None]] = values
        return rows

    def last(self, queries: Indices) -> Indices:
        """Return the last of each user's :attr:`valid` or :attr:`test` queries, ``(n_users,)``."""
        return queries[np.flatnonzero(np.diff(self.user[queries], append=-1))]


def split_prefixes(data: Interactions, protocol: Protocol = AS_PUBLISHED) -> Prefixes:
    """Number all prefixes and split them by the protocol.

    Every user must have at least ``MIN_SEQUENCE`` events, which the loaders ensure.
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
    """Return the numbers of test and of validation targets of users with ``lengths`` events, ``(n_users,)`` each."""
    n_test = _n_targets(lengths, protocol.targets)
    return n_test, _n_targets(lengths - n_test, protocol.valid_targets)


def events_needed(n_train: int, protocol: Protocol) -> int:
    """Return the minimum number of events of a user with ``n_train`` training targets.

    >>> [events_needed(9, Protocol(targets=targets)) for targets in (1, 10)]
    [12, 21]
    """
    lengths = np.arange(1, n_train + protocol.targets + protocol.valid_targets + 2)
    n_test, n_valid = n_held_out(lengths, protocol)
    return int(lengths[np.argmax(lengths - 1 - n_test - n_valid >= n_train)])


def _n_targets(lengths: Indices, most: int) -> Indices:
    """Return the number of targets at the end of sequences of ``lengths`` events, ``(n_users,)``."""
    return np.clip(lengths - SPARED, 1, most)
