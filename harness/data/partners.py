"""Training prefixes grouped by target, for loss terms that need two prefixes with the same target."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Indices = NDArray[np.int64]
_NONE = -1


@dataclass(frozen=True, slots=True, kw_only=True)
class Partners:
    """Lists of training prefixes, one list per target item.

    Attributes:
        listed: training prefixes, grouped by target, ascending within a group, ``(n_train,)``.
        first, size: start and length of each item's list in ``listed``, ``(n_items + 1,)``.
        place: place of each prefix in its target's list; -1 if it is not a training prefix, ``(n_prefixes,)``.
        target, user: target and user of each prefix, ``(n_prefixes,)``.
    """

    listed: Indices
    first: Indices
    size: Indices
    place: Indices
    target: Indices
    user: Indices

    def of(self, prefix: Indices, turn: int) -> tuple[Indices, NDArray[np.bool_]]:
        """Return a partner (a training prefix with the same target) per prefix, and which have one, ``(n,)`` each.

        Successive turns cycle through the target's list, starting after the prefix's own place. A prefix is never its
        own partner. Nor is another prefix of the same user, because that user's later history contains the target.
        Where there is no partner, the returned prefix is arbitrary.
        """
        target, place = self.target[prefix], self.place[prefix]
        size = self.size[target]
        others = size - (place != _NONE)
        step = 1 + turn % np.maximum(others, 1)
        partner = self.listed[np.where(others > 0, self.first[target] + (place + step) % np.maximum(size, 1), 0)]
        return partner, (others > 0) & (self.user[partner] != self.user[prefix])


def group_by_target(target: Indices, user: Indices, train: Indices, n_items: int) -> Partners:
    """Group the training prefixes ``train`` by target; ``target`` and ``user`` are given for every prefix."""
    listed = train[np.argsort(target[train], kind="stable")]
    size = np.bincount(target[train], minlength=n_items + 1)
    first = np.cumsum(size) - size
    place = np.full(len(target), _NONE)
    place[listed] = np.arange(len(listed)) - first[target[listed]]
    return Partners(listed=listed, first=first, size=size, place=place, target=target, user=user)
