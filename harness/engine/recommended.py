"""The items recommended at selected queries, from the same scores that rank their targets."""

from __future__ import annotations

import numpy as np
from torch import Tensor

from harness.data.history import HIDDEN
from harness.data.split import Indices
from harness.results.lists import LENGTH, top_items
from harness.results.metrics.global_metric import Lists


class Recommended:
    """Collects the best items of selected queries.

    Args:
        listed: prefix numbers of these queries, ascending.
    """

    def __init__(self, listed: Indices) -> None:
        self._listed = listed
        self._kept: list[Lists] = []

    def see(self, scores: Tensor, prefix: Indices) -> None:
        """Add the scores ``(batch, n_items)`` of prefixes ``(batch,)``; prefixes must come in ascending order."""
        mine = np.isin(prefix, self._listed)
        if mine.any():
            found = scores.numpy(force=True)
            self._kept.append(top_items(found if mine.all() else found[mine], floor=HIDDEN))

    @property
    def lists(self) -> Lists:
        """The items of each query, best first, 0 after the last candidate, ``(n_listed, 10)``."""
        return np.concatenate([np.empty((0, LENGTH), dtype=np.int32), *self._kept])
