"""``recall@K``: the target is among the first K."""

from __future__ import annotations

import numpy as np

from harness.results.metrics.base import CutOff, Floats, Metric


class Recall(Metric):
    """1 where the target is among the first K items, else 0; with one target per user it equals the hit rate."""

    __slots__ = ()
    name = "recall"
    takes = CutOff.REQUIRED

    def gain(self, rank: Floats) -> Floats:
        return np.ones_like(rank)
