"""Leave-one-out by time, and the prefixes that it makes into samples.

A *prefix* is (user, position): the items before ``position`` in the user's sequence, whose next item is
``items[position]``. Prefixes are numbered users one after the other, positions 1 to length - 1 in each; of those
the last is the test query, the one before it the valid query, and all others are training samples.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from harness.data.interactions import Interactions
from harness.data.partners import Partners, group_by_target

Indices = NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Prefixes:
    """Every prefix of a data set, split into training samples, valid queries and test queries.

    Attributes:
        user: owner of each prefix, ``(n_prefixes,)``.
        position: index of its target in the owner's sequence = its length, unclipped, ``(n_prefixes,)``.
        target: the next item, ``(n_prefixes,)``.
        train: numbers of the training prefixes, ascending, ``(n_train,)``.
        valid, test: number of each user's valid and test query, ``(n_users,)``.
        partners: the training prefixes by target.
    """

    user: Indices
    position: Indices
    target: Indices
    train: Indices
    valid: Indices
    test: Indices
    partners: Partners

    @property
    def n_prefixes(self) -> int:
        return len(self.user)


def split_prefixes(data: Interactions) -> Prefixes:
    """Number all prefixes and split them leave-one-out.

    Every user has at least ``MIN_SEQUENCE`` events (the loaders see to it).
    """
    counts = data.lengths - 1
    ends = np.cumsum(counts)
    user = np.repeat(np.arange(data.n_users), counts)
    position = np.arange(ends[-1]) - np.repeat(ends - counts, counts) + 1
    target = data.items[data.offsets[user] + position].astype(np.int64)
    test = ends - 1
    valid = ends - 2
    is_train = np.ones(len(user), dtype=bool)
    is_train[test] = False
    is_train[valid] = False
    train = np.flatnonzero(is_train)
    return Prefixes(
        user=user,
        position=position,
        target=target,
        train=train,
        valid=valid,
        test=test,
        partners=group_by_target(target, user, train, data.n_items),
    )
