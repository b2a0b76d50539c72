"""The items recommended at some queries, taken from the scores by which their targets are ranked."""

from __future__ import annotations

import numpy as np
from torch import Tensor

from harness.data.history import HIDDEN
from harness.data.split import Indices
from harness.results.lists import LENGTH, top_items
from harness.results.metrics.global_metric import Lists


class Recommended:
    """Keeps the best items of the queries that are listed.

    Args:
        listed: prefix numbers, ascending.
    """

    def __init__(self, listed: Indices) -> None:
        self._listed = listed
        self._kept: list[Lists] = []

    def see(self, scores: Tensor, prefix: Indices) -> None:
        """Take in the scores ``(batch, n_items)`` of prefixes ``(batch,)``, in their order."""
        mine = np.isin(prefix, self._listed)
        if mine.any():
            found = scores.numpy(force=True)
            self._kept.append(top_items(found if mine.all() else found[mine], floor=HIDDEN))

    @property
    def lists(self) -> Lists:
        """Best first, 0 behind the last candidate, ``(n_listed, 10)``."""
        return np.concatenate([np.empty((0, LENGTH), dtype=np.int32), *self._kept])
