"""Metrics per user and global: their values, their names and their contract."""

from __future__ import annotations

import math

import numpy as np
import pytest

from harness.contracts.metric import check_metric_class
from harness.errors import InputError
from harness.results.metrics import (
    METRICS,
    REGISTRY,
    AnyMetric,
    Catalogue,
    GlobalMetric,
    Metric,
    check_metric,
    find_metric,
    mean_metrics,
    metric_values,
    tabulated,
    user_values,
)

RANKS = np.array([1, 2, 5, 6, 10, 11, 50, 51], dtype=np.int32)


def test_recall_counts_ranks_up_to_and_including_the_cutoff() -> None:
    assert metric_values(RANKS, "recall@5").tolist() == [1, 1, 1, 0, 0, 0, 0, 0]
    assert metric_values(RANKS, "recall@50").tolist() == [1, 1, 1, 1, 1, 1, 1, 0]


def test_ndcg_is_the_reciprocal_of_log2_of_rank_plus_one() -> None:
    expected = [1.0, 1 / math.log2(3), 1 / math.log2(6), 1 / math.log2(7), 1 / math.log2(11), 0, 0, 0]
    assert metric_values(RANKS, "ndcg@10") == pytest.approx(expected, abs=1e-15)


def test_mrr_is_the_reciprocal_rank_up_to_its_cutoff_or_of_every_rank() -> None:
    assert metric_values(RANKS, "mrr@10") == pytest.approx([1, 1 / 2, 1 / 5, 1 / 6, 1 / 10, 0, 0, 0], abs=1e-15)
    assert metric_values(RANKS, "mrr@20") == pytest.approx([1, 1 / 2, 1 / 5, 1 / 6, 1 / 10, 1 / 11, 0, 0], abs=1e-15)
    assert metric_values(RANKS, "mrr").tolist() == (1 / RANKS).tolist()


def test_values_are_float64_and_means_cover_every_metric() -> None:
    assert metric_values(RANKS, "mrr@10").dtype == np.float64
    means = mean_metrics(RANKS, "mrr", "ndcg@10")
    assert tuple(means) == (*METRICS, "mrr")
    assert means["recall@10"] == 5 / 8
    assert means["mrr"] == (1 / RANKS).mean()


def test_several_targets_are_averaged_per_user_and_then_over_users() -> None:
    ranks = np.array([[0, 0, 1], [2, 11, 1]], dtype=np.int32)  # one target and three
    values = check_metric("ndcg@10").of_users(ranks)
    assert values == pytest.approx([1.0, (1 / math.log2(3) + 1) / 3], abs=1e-15)
    assert mean_metrics(ranks)["ndcg@10"] == values.mean()
    assert user_values(np.stack([ranks, ranks]), "ndcg@10").tolist() == [values.tolist()] * 2
    assert check_metric("mrr").values(ranks)[0].tolist() == [0.0, 0.0, 1.0]


def test_a_report_tabulates_the_nine_and_the_primary_metric_once() -> None:
    assert tabulated("ndcg@10") == METRICS
    assert tabulated("mrr@20") == (*METRICS, "mrr@20")
    assert len(METRICS) == 9


@pytest.mark.parametrize("name", [*METRICS, "mrr", "ndcg", "recall@1", "mrr@999999"])
def test_a_name_is_that_of_its_metric(name: str) -> None:
    assert str(find_metric(name)) == name


@pytest.mark.parametrize(
    "name", ["ndgc@10", "ndcg@0", "ndcg@-1", "ndcg@010", "mrr@1.5", "mrr@", "mrr@1000000", "NDCG@10", "@10", ""]
)
def test_an_unknown_metric_is_named_with_the_known_ones(name: str) -> None:
    with pytest.raises(InputError, match=r"unknown.*recall@K, ndcg\[@K\], mrr\[@K\]") as problem:
        metric_values(RANKS, name)
    assert repr(name) in str(problem.value)


def test_a_near_miss_is_suggested() -> None:
    with pytest.raises(InputError, match=r"did you mean ndcg@10\?"):
        metric_values(RANKS, "NDCG@10")


def test_recall_without_a_cutoff_says_what_to_write() -> None:
    with pytest.raises(InputError, match="needs a cut-off; write recall@10"):
        check_metric("recall")


@pytest.mark.parametrize("kind", REGISTRY.values())
def test_a_metric_keeps_the_contract(kind: type[AnyMetric]) -> None:
    check_metric_class(kind)


class Rising(Metric):
    name = "rising"

    def gain(self, rank: np.ndarray) -> np.ndarray:
        return 1.0 - 1.0 / rank


class Large(Metric):
    name = "large"

    def gain(self, rank: np.ndarray) -> np.ndarray:
        return 2.0 / rank


class Undefined(Metric):
    name = "undefined"

    def gain(self, rank: np.ndarray) -> np.ndarray:
        return np.where(rank > 99, np.nan, 1.0)


class Random(Metric):
    name = "random"

    def gain(self, rank: np.ndarray) -> np.ndarray:
        return np.random.default_rng().random(len(rank))


class Relative(Metric):
    name = "relative"

    def gain(self, rank: np.ndarray) -> np.ndarray:
        return 1.0 - rank / rank.max()


class Scribbling(GlobalMetric):
    name = "scribbling"

    def of(self, lists: np.ndarray, catalogue: Catalogue) -> float:
        lists[:] = 0
        return 0.0


class FirstUser(GlobalMetric):
    name = "first_user"

    def of(self, lists: np.ndarray, catalogue: Catalogue) -> float:
        return lists[0, 0] / catalogue.n_items


class Shouting(Metric):
    name = "MAP"

    def gain(self, rank: np.ndarray) -> np.ndarray:
        return 1.0 / rank
