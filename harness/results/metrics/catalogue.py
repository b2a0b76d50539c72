"""``coverage@K``, ``distinct@K`` and ``popularity@K``: how all recommendations together use the catalogue."""

from __future__ import annotations

import math
from typing import ClassVar

import numpy as np

from harness.results.metrics.base import CutOff
from harness.results.metrics.global_metric import Catalogue, GlobalMetric, Lists


class Coverage(GlobalMetric):
    """Share of the catalogue that is recommended to at least one user."""

    __slots__ = ()
    name = "coverage"
    takes = CutOff.REQUIRED

    def of(self, lists: Lists, catalogue: Catalogue) -> float:
        return Distinct(cutoff=self.cutoff).of(lists, catalogue) / catalogue.n_items


class Distinct(GlobalMetric):
    """Number of different items that are recommended."""

    __slots__ = ()
    name = "distinct"
    takes = CutOff.REQUIRED
    high: ClassVar[float] = math.inf

    def of(self, lists: Lists, catalogue: Catalogue) -> float:
        return float(len(np.unique(lists[lists > 0])))


class PopularityLift(GlobalMetric):
    """Popularity of the recommended items, relative to the items that users take.

    ``mean of n(i) over recommended items / (sum of n(i)^2 / sum of n(i))``: ``n(i)`` counts training events of item
    ``i``, and the denominator is its mean over training events. 1: users are shown what they would take anyway; above
    1 the popular items are pushed. 0 where there are no events or no recommendations.
    """

    __slots__ = ()
    name = "popularity"
    takes = CutOff.REQUIRED
    high: ClassVar[float] = math.inf

    def of(self, lists: Lists, catalogue: Catalogue) -> float:
        events = catalogue.popularity.astype(np.float64)
        shown = lists[lists > 0]
        if not len(shown) or not events.any():
            return 0.0
        return float(events[shown].mean() / ((events**2).sum() / events.sum()))
