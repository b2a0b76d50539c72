"""Every pair scored by FAISS's own function is the oracle."""

from __future__ import annotations

import faiss
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.engine.live import exact
from harness.engine.live.exact import Exact
from harness.engine.types.vectors import MISSING, Vectors
from harness.recipe.seams.retrieval.index import Flat
from tests.engine.vectors import KINDS, drawn


def every_pair(keys: Vectors, query: Vectors, n_hits: int) -> tuple[Vectors, np.ndarray]:
    """Scores of all pairs, best first, the smaller entry number first among equals, filled up as FAISS does."""
    row, entry = (each.ravel() for each in np.indices((len(query), len(keys)), dtype=np.int64))
    score = np.empty(len(row), dtype=np.float32)
    arrays = (query, row, keys, entry, score)
    faiss.pairwise_indexed_inner_product(keys.shape[1], len(row), *map(faiss.swig_ptr, arrays))
    scores = score.reshape(len(query), len(keys))
    order = np.argsort(-scores, axis=1, kind="stable")[:, :n_hits]
    missing = ((0, 0), (0, n_hits - order.shape[1]))
    best = np.take_along_axis(scores, order, axis=1)
    return np.pad(best, missing, constant_values=exact.LOWEST), np.pad(order, missing, constant_values=MISSING)


@settings(max_examples=80, deadline=None)
@given(
    kind=st.sampled_from(KINDS),
    asked=st.sampled_from(KINDS),
    sizes=st.tuples(st.integers(1, 3_000), st.sampled_from([1, 19, 70, 300]), st.sampled_from([2, 16, 33, 64])),
    n_hits=st.sampled_from([1, 5, 15, 100]),
    seed=st.integers(0, 99),
)
def test_hits_and_scores_are_those_of_every_pair(
    kind: str, asked: str, sizes: tuple[int, int, int], n_hits: int, seed: int
) -> None:
    n_keys, n_queries, width = sizes
    keys, query = drawn(kind, n_keys, width, seed), drawn(asked, n_queries, width, seed + 1)
    score, entry = Exact(keys).search(query, n_hits)
    expected_score, expected_entry = every_pair(keys, query, n_hits)
    np.testing.assert_array_equal(entry, expected_entry)
    np.testing.assert_array_equal(score.view(np.int32), expected_score.view(np.int32))
    assert (score.dtype, entry.dtype) == (np.float32, np.int64)


def test_a_query_finds_the_same_in_any_company() -> None:
    keys, query = drawn("clustered", 5_000, 64, 1), drawn("clustered", 600, 64, 2)
    together = Exact(keys).search(query, 40)
    for first, last in ((0, 1), (17, 18), (100, 421)):
        for whole, part in zip(together, Exact(keys).search(query[first:last], 40), strict=True):
            np.testing.assert_array_equal(whole[first:last], part)


def test_many_equal_keys_are_taken_in_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    keys, query = drawn("close", 2_000, 16, 3), drawn("spread", 90, 16, 4)
    whole = Exact(keys).search(query, 10)
    monkeypatch.setattr(exact, "CANDIDATES", 3_000)
    monkeypatch.setattr(exact, "SCORES", 7 * 2_000)
    for expected, found in zip(whole, Exact(keys).search(query, 10), strict=True):
        np.testing.assert_array_equal(expected, found)


def test_the_exact_index_finds_what_faiss_finds() -> None:
    keys, query = drawn("spread", 4_000, 64, 5), drawn("spread", 500, 64, 6)
    index = Flat().over(keys)
    cosine, entry = index.search(query, query, 20)
    expected_cosine, expected_entry = index.faiss.search(query, 20)
    np.testing.assert_allclose(cosine, expected_cosine, atol=1e-6)
    assert (entry == expected_entry).mean() > 0.999
