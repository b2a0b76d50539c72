from __future__ import annotations

import numpy as np
import pytest
import torch

from harness.backbones.ranking import CHUNK_QUERIES, ranks_of_scores, target_ranks


def _by_sorting(queries: torch.Tensor, items: torch.Tensor, targets: np.ndarray) -> list[int]:
    """The target's place among all items sorted by score, after all that tie with it."""
    ranks = []
    for query, target in zip(queries, targets, strict=True):
        scores = {item: float(items[item] @ query) for item in range(1, len(items))}
        order = sorted(scores, key=lambda item: (-scores[item], item == target))
        ranks.append(order.index(target) + 1)
    return ranks


def test_ranks_equal_the_place_in_a_sort_with_ties_lost() -> None:
    generator = torch.Generator().manual_seed(0)
    queries = torch.randint(-2, 3, (60, 4), generator=generator).float()
    items = torch.randint(-2, 3, (41, 4), generator=generator).float()
    targets = torch.randint(1, 41, (60,), generator=generator).numpy()
    assert target_ranks(queries, items, targets).tolist() == _by_sorting(queries, items, targets)


def test_many_queries_are_ranked_as_one_at_a_time() -> None:
    generator = torch.Generator().manual_seed(1)
    n = 2 * CHUNK_QUERIES + 3
    queries, items = torch.randn(n, 4, generator=generator), torch.randn(30, 4, generator=generator)
    targets = torch.randint(1, 30, (n,), generator=generator)
    alone = [target_ranks(queries[row : row + 1], items, targets[row : row + 1])[0] for row in range(0, n, 97)]
    ranks = target_ranks(queries, items, targets)
    assert ranks[::97].tolist() == alone
    assert ranks.dtype == np.int32


def test_an_item_that_ties_counts_against_the_target_and_padding_does_not() -> None:
    items = torch.tensor([[9.0], [1.0], [1.0], [0.5]])
    assert target_ranks(torch.tensor([[1.0], [1.0]]), items, np.array([1, 3])).tolist() == [2, 3]


@pytest.mark.parametrize("bad", [float("nan"), float("-inf")])
def test_a_score_that_is_no_number_wins_nothing(bad: float) -> None:
    scores = torch.tensor([[1.0, bad, -2.0], [float("nan")] * 3])
    assert ranks_of_scores(scores, torch.tensor([1, 0])).tolist() == [3, 3]
