"""Training prefixes grouped by their target, for terms that want two prefixes that lead to the same item."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Indices = NDArray[np.int64]
_NONE = -1


@dataclass(frozen=True, slots=True, kw_only=True)
class Partners:
    """Lists of training prefixes, one list for each item.

    Attributes:
        listed: training prefixes, those of one target together, ascending among them, ``(n_train,)``.
        first, size: where each item's list begins and how long it is, ``(n_items + 1,)``.
        place: each prefix's place in its target's list, -1 where it is no training prefix, ``(n_prefixes,)``.
        target, user: each prefix's target and owner, ``(n_prefixes,)``.
    """

    listed: Indices
    first: Indices
    size: Indices
    place: Indices
    target: Indices
    user: Indices

    def of(self, prefix: Indices, turn: int) -> tuple[Indices, NDArray[np.bool_]]:
        """Another training prefix with the same target for each prefix, and which have one, ``(n,)`` each.

        Successive turns go round the target's list from the prefix's own place; a prefix is never its own partner. One
        of the same user is none either: that user's later history holds the target. Where there is no partner some
        training prefix stands in.
        """
        target, place = self.target[prefix], self.place[prefix]
        size = self.size[target]
        others = size - (place != _NONE)
        step = 1 + turn % np.maximum(others, 1)
        partner = self.listed[np.where(others > 0, self.first[target] + (place + step) % np.maximum(size, 1), 0)]
        return partner, (others > 0) & (self.user[partner] != self.user[prefix])


def group_by_target(target: Indices, user: Indices, train: Indices, n_items: int) -> Partners:
    """Group the training prefixes ``train`` by ``target``, which is given for every prefix as ``user`` is."""
    listed = train[np.argsort(target[train], kind="stable")]
    size = np.bincount(target[train], minlength=n_items + 1)
    first = np.cumsum(size) - size
    place = np.full(len(target), _NONE)
    place[listed] = np.arange(len(listed)) - first[target[listed]]
    return Partners(listed=listed, first=first, size=size, place=place, target=target, user=user)
