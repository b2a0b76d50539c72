"""``mrr`` and ``mrr@K``: mean reciprocal rank."""

from __future__ import annotations

from harness.results.metrics.base import Floats, Metric


class MRR(Metric):
    """``1 / rank``."""

    __slots__ = ()
    name = "mrr"

    def gain(self, rank: Floats) -> Floats:
        return 1.0 / rank
