"""FAISS is the oracle: every score to the bit, every entry at its place."""

from __future__ import annotations

from collections.abc import Iterator

import faiss
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.engine.live import listwise
from harness.engine.live.listwise import Listwise
from harness.engine.types.vectors import MISSING, Vectors
from harness.recipe.seams.retrieval.index import IVFFlat
from tests.engine.vectors import KINDS, drawn, unit


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    before = faiss.omp_get_max_threads()
    faiss.omp_set_num_threads(1)
    yield
    faiss.omp_set_num_threads(before)


@pytest.fixture
def always(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listwise, "PAYS_FROM", 0)


def same(index: Listwise, oracle: faiss.IndexIVFFlat, query: Vectors, n_hits: int) -> None:
    score, entry = index.search(query, n_hits)
    expected_score, expected_entry = oracle.search(query, n_hits)
    np.testing.assert_array_equal(score.view(np.int32), expected_score.view(np.int32))
    np.testing.assert_array_equal(entry, expected_entry)
    assert (score.dtype, entry.dtype) == (expected_score.dtype, expected_entry.dtype)


def both(keys: Vectors, spec: IVFFlat) -> tuple[Listwise, faiss.IndexIVFFlat]:
    oracle = spec.over(keys, seed=3).faiss
    return Listwise(oracle, keys), oracle


@pytest.mark.usefixtures("always")
@settings(max_examples=80, deadline=None)
@given(
    kind=st.sampled_from(KINDS),
    asked=st.sampled_from(KINDS),
    sizes=st.tuples(st.integers(1, 3_000), st.sampled_from([1, 19, 20, 70, 1_030]), st.sampled_from([2, 16, 33, 64])),
    lists=st.sampled_from([1, 3, 20]),
    nprobe=st.sampled_from([1, 2, 10]),
    n_hits=st.sampled_from([1, 5, 15, 100]),
    seed=st.integers(0, 99),
)
def test_every_bit_is_as_faiss_has_it(
    kind: str, asked: str, sizes: tuple[int, int, int], lists: int, nprobe: int, n_hits: int, seed: int
) -> None:
    n, n_queries, d = sizes
    index, oracle = both(drawn(kind, n, d, seed), IVFFlat(max_lists=lists, nprobe=nprobe))
    same(index, oracle, drawn(asked, n_queries, d, seed), n_hits)


@pytest.mark.usefixtures("always")
def test_hits_tied_at_the_last_place_are_those_that_faiss_keeps() -> None:
    keys = np.repeat(drawn("spread", 100, 16, 0), 30, axis=0)[np.random.default_rng(0).permutation(3_000)]
    index, oracle = both(keys, IVFFlat(max_lists=10))
    for n_hits in (10, 30, 31, 60):
        same(index, oracle, drawn("spread", 200, 16, 0), n_hits)


@pytest.mark.usefixtures("always")
@pytest.mark.parametrize("n_hits", [4, 7, 10, 15])
def test_rounding_of_products_hides_no_hit(n_hits: int) -> None:
    index, oracle = both(drawn("twins", 6_000, 64, 0), IVFFlat(max_lists=10))
    same(index, oracle, drawn("spread", 1_000, 64, 1), n_hits)


@pytest.mark.usefixtures("always")
def test_hits_may_all_be_in_one_block() -> None:
    keys = drawn("spread", 6_400, 16, 0)
    keys[7 :: listwise.BLOCKS] = unit(keys[7] + 0.02 * keys[7 :: listwise.BLOCKS])
    index, oracle = both(keys, IVFFlat(max_lists=1, nprobe=1))
    same(index, oracle, unit(keys[7] + 0.02 * drawn("spread", 50, 16, 1)), 5)


@pytest.mark.usefixtures("always")
def test_where_lists_hold_too_few_the_rest_is_missing() -> None:
    index, oracle = both(drawn("clustered", 800, 8, 0), IVFFlat(max_lists=20, nprobe=1))
    query = drawn("clustered", 300, 8, 0)
    same(index, oracle, query, 60)
    assert 0 < (index.search(query, 60)[1] == MISSING).mean() < 1


@pytest.mark.usefixtures("always")
def test_a_query_that_is_no_number_harms_no_other() -> None:
    index, oracle = both(drawn("spread", 2_000, 16, 0), IVFFlat(max_lists=10))
    query = drawn("spread", 50, 16, 1)
    query[7], query[9, 0] = np.nan, np.inf
    same(index, oracle, query, 20)


def test_keys_that_are_all_alike_are_left_to_faiss_before_any_is_scored(monkeypatch: pytest.MonkeyPatch) -> None:
    scored: list[int] = []
    known = listwise.pair_scores
    monkeypatch.setattr(
        listwise, "pair_scores", lambda query, row, *keys: scored.append(len(row)) or known(query, row, *keys)
    )
    same(*both(drawn("close", 30_000, 64, 0), IVFFlat()), drawn("close", 1_024, 64, 1), 20)
    # Rounding alone deals such keys out to lists, so a query's own may hold a few, and those are scored.
    assert sum(scored) <= listwise.CROWDED * 20 * 1_024


@pytest.mark.parametrize("kind", ["spread", "clustered"])
def test_at_the_size_of_a_study_products_find_nearly_all_hits(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    index, oracle = both(drawn(kind, 30_000, 64, 0), IVFFlat())
    query = drawn(kind, 1_024, 64, 1)
    asked: list[int] = []
    known = oracle.search_preassigned
    monkeypatch.setattr(oracle, "search_preassigned", lambda rows, *rest: asked.append(len(rows)) or known(rows, *rest))
    same(index, oracle, query, 20)
    assert sum(asked) < 0.02 * len(query)


def test_the_index_of_the_recipe_searches_so(monkeypatch: pytest.MonkeyPatch) -> None:
    keys = drawn("spread", 500, 8, 0)
    monkeypatch.setattr(Listwise, "search", lambda self, *asked: (self.index.ntotal, asked))
    assert IVFFlat().over(keys, seed=0).search(keys, keys[:3], 7) == (500, (keys, 7))


def test_few_queries_short_lists_and_more_threads_are_left_to_faiss(monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*_: object) -> None:
        raise AssertionError("products where FAISS is faster")

    monkeypatch.setattr(Listwise, "_hits", never)
    index, oracle = both(drawn("spread", 12_000, 16, 0), IVFFlat(max_lists=16))
    query = drawn("spread", 64, 16, 1)
    same(index, oracle, query[:1], 20)
    with pytest.raises(AssertionError, match="products"):
        index.search(query, 20)
    faiss.omp_set_num_threads(2)
    same(index, oracle, query, 20)
    faiss.omp_set_num_threads(1)
    same(*both(drawn("spread", 12_000, 16, 0), IVFFlat(max_lists=300)), query, 20)
