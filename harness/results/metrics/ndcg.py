"""``ndcg`` and ``ndcg@K``: normalised discounted cumulative gain."""

from __future__ import annotations

import numpy as np

from harness.results.metrics.base import Floats, Metric


class NDCG(Metric):
    """``1 / log2(rank + 1)``: with one target per user the ideal gain is 1.

    Source: Järvelin and Kekäläinen, "Cumulated gain-based evaluation of IR techniques", TOIS 2002.
    """

    __slots__ = ()
    name = "ndcg"

    def gain(self, rank: Floats) -> Floats:
        return 1.0 / np.log2(rank + 1.0)
