"""A sample of a study's users with their whole histories, so that a short run takes a second or two."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray

from harness.data.interactions import Interactions
from harness.data.split import Prefixes, split_prefixes
from harness.engine.types.inputs import Inputs
from harness.engine.types.streams import Streams
from harness.recipe.seams.retrieval.admission import LongerThan

ENOUGH_USERS = 200
ENOUGH_ENTRIES = 12_500
"""Without a given number of users, users are drawn until both the number of users and of entries are reached.

With fewer entries than 128 lists of 2 x 39, the two settings of the number of lists would act differently from a run
on all users.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """The choice of users for short runs.

    Attributes:
        n_users: number of users; 0: all; None: at least ``ENOUGH_USERS``, with :data:`ENOUGH_ENTRIES`.
        streams: random streams; the choice draws from its own stream.
    """

    n_users: int | None
    streams: Streams

    def users(self, data: Interactions, prefixes: Prefixes) -> NDArray[np.int64]:
        """The chosen users, ascending."""
        if self.n_users == 0:
            return np.arange(data.n_users)
        order = torch.randperm(data.n_users, generator=self.streams.generator("audit/users")).numpy()
        n_users = self.n_users
        if n_users is None:
            n_users = max(ENOUGH_USERS, int(np.searchsorted(np.cumsum(entries(prefixes)[order]), ENOUGH_ENTRIES)) + 1)
        return np.sort(order[:n_users])

    def of(self, whole: Inputs) -> Inputs:
        """The inputs restricted to the chosen users; items and backbone are unchanged."""
        users = self.users(whole.data, whole.prefixes)
        kept = np.isin(whole.prefixes.user, users)
        data = of_users(whole.data, users)
        return replace(
            whole,
            data=data,
            prefixes=split_prefixes(data, whole.prefixes.protocol),
            encodings=whole.encodings[whole.tensor(kept)],
        )


def entries(prefixes: Prefixes) -> NDArray[np.int64]:
    """Number of training prefixes per user that FTragrec's memory admits, ``(n_users,)``."""
    admitted = prefixes.train[prefixes.position[prefixes.train] > LongerThan().length]
    return np.bincount(prefixes.user[admitted], minlength=len(prefixes.held_out))


def of_users(data: Interactions, users: NDArray[np.int64]) -> Interactions:
    """The interactions restricted to some users, with their whole sequences, in the order of user numbers."""
    kept = np.isin(np.repeat(np.arange(data.n_users), data.lengths), users)
    return replace(
        data,
        items=data.items[kept],
        offsets=np.concatenate([[0], np.cumsum(data.lengths[users])]).astype(np.int64),
        user_labels=data.user_labels[users],
        times=None if data.times is None else data.times[kept],
    )
