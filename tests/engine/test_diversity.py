from __future__ import annotations

from itertools import combinations
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.engine.live.diversity import Floats, greedy_map, kernel, marginal_relevance
from harness.recipe.seams.retrieval.search import Hits, TopK
from harness.recipe.seams.retrieval.selection import Diverse, Method


def random_kernels(
    seed: int, *, batch: int = 4, n: int = 9, strength: float = 0.5, n_targets: int = 6
) -> tuple[Floats, Floats, Floats]:
    """Cosines, similarities of targets, some of them the same, and the kernels of both."""
    rng = np.random.default_rng(seed)
    items = rng.standard_normal((n_targets, 5))
    items /= np.linalg.norm(items, axis=1, keepdims=True)
    targets = items[rng.integers(n_targets, size=(batch, n))]
    cosine = -np.sort(-rng.uniform(0.4, 1.0, size=(batch, n)), axis=1)
    similarity = targets @ targets.transpose(0, 2, 1)
    return cosine, similarity, kernel(cosine, similarity, strength)


def log_determinant(one: Floats, columns: list[int]) -> float:
    return float(np.linalg.slogdet(one[np.ix_(columns, columns)])[1])


def slow_greedy(one: Floats, allowed: list[int], k: int) -> list[int]:
    """Greedy that recomputes every determinant."""
    chosen: list[int] = []
    while len(chosen) < min(k, len(allowed)):
        rest = [column for column in allowed if column not in chosen]
        chosen.append(max(rest, key=lambda column: log_determinant(one, [*chosen, column])))
    return chosen


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 10_000), strength=st.floats(0.0, 1.0), n_allowed=st.integers(0, 9), k=st.integers(1, 6))
def test_greedy_equals_a_slow_greedy_that_recomputes_every_determinant(
    seed: int, strength: float, n_allowed: int, k: int
) -> None:
    _, _, kernels = random_kernels(seed, strength=strength)
    allowed = np.random.default_rng(seed).permuted(np.tile(np.arange(9) < n_allowed, (4, 1)), axis=1)
    chosen = greedy_map(kernels, allowed, k)
    for row in range(4):
        mine = [int(column) for column in chosen[row] if allowed[row, column]]
        slow = slow_greedy(kernels[row], np.flatnonzero(allowed[row]).tolist(), k)
        assert len(mine) == len(slow)
        steps = [log_determinant(kernels[row], part[: end + 1]) for part in (mine, slow) for end in range(len(part))]
        assert steps[: len(mine)] == pytest.approx(steps[len(mine) :], abs=1e-6)


def log_determinants(strength: float) -> tuple[Floats, Floats]:
    """Of 4 of 9 hits, by greedy and by brute force over all subsets, for 40 kernels, nats."""
    _, _, kernels = random_kernels(3, batch=40, strength=strength, n_targets=20)
    chosen = greedy_map(kernels, np.ones((40, 9), dtype=bool), 4)
    greedy = [log_determinant(one, columns.tolist()) for one, columns in zip(kernels, chosen, strict=True)]
    best = [max(log_determinant(one, list(columns)) for columns in combinations(range(9), 4)) for one in kernels]
    return np.array(greedy), np.array(best)


def test_greedy_keeps_its_bound_against_the_best_of_all_subsets() -> None:
    # With cosines over .35 and strength .5 no eigenvalue is under 1, so log det grows and is submodular.
    greedy, best = log_determinants(0.5)
    assert (greedy >= (1 - 1 / np.e) * best).all()
    assert greedy == pytest.approx(best)


def test_greedy_comes_near_the_best_of_all_subsets_where_the_targets_decide() -> None:
    greedy, best = log_determinants(0.95)
    assert (greedy <= best + 1e-9).all()
    assert (greedy < best - 1e-6).any()
    assert (best - greedy).mean() < 0.1
    assert (best - greedy).max() < 0.6


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10_000), strength=st.floats(0.0, 1.0))
def test_marginal_relevance_equals_its_definition(seed: int, strength: float) -> None:
    cosine, similarity, _ = random_kernels(seed)
    allowed = np.random.default_rng(seed).random(cosine.shape) < 0.7
    chosen = marginal_relevance(cosine, similarity, allowed, k=4, strength=strength)
    for row in range(len(cosine)):
        taken: list[int] = []
        for column in chosen[row]:
            rest = [int(each) for each in np.flatnonzero(allowed[row]) if each not in taken]
            if not rest:
                assert not allowed[row, column]
                continue
            value = {
                each: (1.0 - strength) * cosine[row, each]
                - strength * max((similarity[row, each, other] for other in taken), default=0.0)
                for each in rest
            }
            assert value[int(column)] == pytest.approx(max(value.values()), abs=1e-12)
            taken.append(int(column))


def hits(*, seed: int, n: int = 20, n_items: int = 8, batch: int = 30, allowed: float = 0.8) -> Hits:
    rng = np.random.default_rng(seed)
    cosine = -np.sort(-rng.uniform(-0.2, 1.0, size=(batch, n)).astype(np.float32), axis=1)
    return Hits(
        cosine=cosine,
        entry=rng.integers(100, size=(batch, n)),
        allowed=rng.random((batch, n)) < allowed,
        memory=cast(Any, SimpleNamespace(target=torch.from_numpy(rng.integers(1, n_items + 1, size=100)))),
        inputs=cast(Any, SimpleNamespace(item_matrix=torch.from_numpy(rng.standard_normal((n_items + 1, 6))).float())),
    )


@pytest.mark.parametrize("method", Method)
@pytest.mark.parametrize("allowed", [0.8, 0.15])
def test_strength_0_is_plain_top_k(method: Method, allowed: float) -> None:
    found = hits(seed=1, allowed=allowed)
    columns, mask = Diverse(method=method, strength=0.0).choose(found)
    plain, plain_mask = TopK().choose(found)
    assert np.array_equal(mask, plain_mask)
    assert np.array_equal(columns[mask], plain[mask])


@pytest.mark.parametrize("method", Method)
def test_targets_differ_more_and_the_closest_comes_first(method: Method) -> None:
    found = hits(seed=2)
    distinct: list[float] = []
    for strength in (0.0, 0.5, 1.0):
        columns, mask = Diverse(method=method, strength=strength).choose(found)
        targets = found.memory.target.numpy()[np.take_along_axis(found.entry, columns, axis=1)]
        distinct.append(np.mean([len(set(row[there])) for row, there in zip(targets, mask, strict=True)]).item())
        cosine = np.where(mask, np.take_along_axis(found.cosine, columns, axis=1), -np.inf)
        assert (np.diff(np.where(mask, cosine, -9.0), axis=1) <= 0).all()
        assert all(len(set(row)) == len(row) for row in columns)
    assert distinct[0] < distinct[1]
    assert distinct[2] >= distinct[1]


@pytest.mark.parametrize("method", Method)
def test_where_fewer_are_allowed_than_wanted_all_of_them_are_taken(method: Method) -> None:
    found = hits(seed=3, allowed=0.15)
    found.cosine[~found.allowed] = np.finfo(np.float32).min
    columns, mask = Diverse(method=method, strength=0.7).choose(found)
    assert np.array_equal(mask.sum(axis=1), np.minimum(found.allowed.sum(axis=1), 5))
    assert np.array_equal(mask, np.take_along_axis(found.allowed, columns, axis=1))
