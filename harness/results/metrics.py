"""Ranking metrics of a user, from the rank of that user's one target."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from harness.errors import InputError, did_you_mean

CUTOFFS = (5, 10, 20, 50)
METRICS: tuple[str, ...] = (
    *(f"recall@{cutoff}" for cutoff in CUTOFFS),
    *(f"ndcg@{cutoff}" for cutoff in CUTOFFS),
    "mrr@10",
)


def check_metric(metric: str) -> None:
    """Nothing, where the metric is one of :data:`METRICS`.

    Raises:
        InputError: it is not.
    """
    if metric not in METRICS:
        raise InputError(
            f"metric {metric!r} is unknown{did_you_mean(metric.lower(), METRICS)}; use one of {', '.join(METRICS)}"
        )


def metric_values(ranks: NDArray[np.int32], metric: str) -> NDArray[np.float64]:
    """Each user's value of a metric, in [0, 1]; the mean over users is the figure that papers print.

    With one relevant item a user, recall@K is the hit rate, ndcg@K is ``1 / log2(rank + 1)`` and mrr@K ``1 / rank``,
    each 0 where the rank is beyond K.

    Args:
        ranks: rank of each user's target, from 1, ``(n_users,)``.
        metric: one of :data:`METRICS`.

    Raises:
        InputError: the metric is unknown.

    >>> metric_values(np.array([1, 3, 11], dtype=np.int32), "ndcg@10").tolist()
    [1.0, 0.5, 0.0]
    """
    check_metric(metric)
    kind, _, cutoff = metric.partition("@")
    place = ranks.astype(np.float64)
    if kind == "recall":
        gain = np.ones_like(place)
    elif kind == "ndcg":
        gain = 1.0 / np.log2(place + 1.0)
    else:
        gain = 1.0 / place
    return np.where(place <= int(cutoff), gain, 0.0)


def mean_metrics(ranks: NDArray[np.int32]) -> dict[str, float]:
    """Every metric's mean over users, by name."""
    return {metric: float(metric_values(ranks, metric).mean()) for metric in METRICS}
