from __future__ import annotations

import math

import numpy as np
import pytest

from harness.errors import InputError
from harness.results.metrics import METRICS, mean_metrics, metric_values

RANKS = np.array([1, 2, 5, 6, 10, 11, 50, 51], dtype=np.int32)


def test_recall_counts_ranks_up_to_and_including_the_cutoff() -> None:
    assert metric_values(RANKS, "recall@5").tolist() == [1, 1, 1, 0, 0, 0, 0, 0]
    assert metric_values(RANKS, "recall@50").tolist() == [1, 1, 1, 1, 1, 1, 1, 0]


def test_ndcg_is_the_reciprocal_of_log2_of_rank_plus_one() -> None:
    expected = [1.0, 1 / math.log2(3), 1 / math.log2(6), 1 / math.log2(7), 1 / math.log2(11), 0, 0, 0]
    assert metric_values(RANKS, "ndcg@10") == pytest.approx(expected, abs=1e-15)


def test_mrr_is_the_reciprocal_rank_cut_at_ten() -> None:
    assert metric_values(RANKS, "mrr@10") == pytest.approx([1, 1 / 2, 1 / 5, 1 / 6, 1 / 10, 0, 0, 0], abs=1e-15)


def test_values_are_float64_and_means_cover_every_metric() -> None:
    assert metric_values(RANKS, "mrr@10").dtype == np.float64
    means = mean_metrics(RANKS)
    assert tuple(means) == METRICS
    assert means["recall@10"] == 5 / 8


@pytest.mark.parametrize("name", ["ndgc@10", "ndcg@7", "NDCG@10", "ndcg", ""])
def test_an_unknown_metric_is_named_with_the_known_ones(name: str) -> None:
    with pytest.raises(InputError, match=r"unknown.*recall@5") as problem:
        metric_values(RANKS, name)
    assert repr(name) in str(problem.value)


def test_a_near_miss_is_suggested() -> None:
    with pytest.raises(InputError, match=r"did you mean ndcg@10\?"):
        metric_values(RANKS, "NDCG@10")
