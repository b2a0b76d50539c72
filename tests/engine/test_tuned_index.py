from __future__ import annotations

import numpy as np
import pytest

from harness.engine.live.faiss_index import FaissIndex
from harness.engine.types.vectors import Vectors
from harness.recipe.seams.retrieval.index import Flat, IVFFlat
from harness.recipe.seams.retrieval.tuned_index import Kind, RecallError, Sample, Scaled

K = 10


def clustered(seed: int = 0, n: int = 6_000, d: int = 16) -> Vectors:
    """Keys in wide, overlapping clusters, some of them the same to the last bit."""
    rng = np.random.default_rng(seed)
    keys = rng.standard_normal((60, d))[rng.integers(60, size=n)] + rng.standard_normal((n, d))
    keys[1::7] = keys[::7][: len(keys[1::7])]
    return (keys / np.linalg.norm(keys, axis=1, keepdims=True)).astype(np.float32)


def recall(index: FaissIndex, queries: Vectors, keys: Vectors) -> float:
    """Share of the true K nearest that are found, counted by the smallest of their cosines."""
    exact = np.sort(queries @ keys.T, axis=1)[:, -K:]
    found, _ = index.search(queries, queries, K)
    return float((found >= exact[:, :1] - 1e-5).mean())


@pytest.fixture(scope="module")
def keys() -> Vectors:
    return clustered()


@pytest.mark.parametrize("kind", Kind)
def test_recall_against_exact_search_reaches_the_target_on_queries_it_never_saw(kind: Kind, keys: Vectors) -> None:
    entries, queries = keys[700:], keys[:700]
    index = Scaled(kind=kind, exact_up_to=1_000, target=0.95, k=K).over(entries, seed=3)
    assert recall(index, queries, entries) >= 0.935


def test_ivf_opens_no_more_lists_than_the_target_needs(keys: Vectors) -> None:
    spec = Scaled(kind=Kind.IVF, exact_up_to=1_000, target=0.95, k=K)
    index = spec.over(keys, seed=3).faiss
    assert 1 < index.nprobe < index.nlist == 6_000 // 39
    sample = Sample(Flat().over(keys).faiss, keys, k=K, seed=3)
    assert sample.recall(index) >= 0.95
    index.nprobe -= 1
    assert sample.recall(index) < 0.95
    index.nprobe = 1
    assert sample.recall(index) < 0.7


def test_ivf_stops_at_all_lists_and_is_then_exact(keys: Vectors) -> None:
    index = Scaled(kind=Kind.IVF, exact_up_to=1_000, target=1.0, k=K).over(keys, seed=3)
    assert index.faiss.nprobe <= index.faiss.nlist
    assert recall(index, keys[:500], keys) > 0.999


@pytest.mark.parametrize("kind", Kind)
def test_up_to_the_size_the_search_is_exact(kind: Kind, keys: Vectors) -> None:
    spec = Scaled(kind=kind, exact_up_to=len(keys), target=0.5, k=K)
    for found, exact in zip(
        spec.over(keys, seed=3).search(keys[:50], keys[:50], K),
        Flat().over(keys).search(keys[:50], keys[:50], K),
        strict=True,
    ):
        assert np.array_equal(found, exact)
    _, entry = Scaled(kind=kind, exact_up_to=0, target=0.9, k=K).over(keys[:K], seed=0).search(keys[:1], keys[:1], K)
    assert sorted(entry[0]) == list(range(K))


@pytest.mark.parametrize("kind", Kind)
def test_same_seed_same_hits(kind: Kind, keys: Vectors) -> None:
    spec = Scaled(kind=kind, exact_up_to=1_000, target=0.9, k=K)
    first, again = (spec.over(keys, seed=5).search(keys[:300], keys[:300], K) for _ in range(2))
    assert np.array_equal(first[0], again[0])
    assert np.array_equal(first[1], again[1])


def test_hnsw_that_leaves_entries_out_of_reach_is_an_error(monkeypatch: pytest.MonkeyPatch, keys: Vectors) -> None:
    for setting, value in (("LINKS", 2), ("WIDEST", 32), ("SAMPLE", 200)):
        monkeypatch.setattr(f"harness.recipe.seams.retrieval.tuned_index.{setting}", value)
    spec = Scaled(kind=Kind.HNSW, exact_up_to=1_000, target=1.0, k=K)
    with pytest.raises(RecallError, match=r"largest efSearch, 32; use kind ivf"):
        spec.over(keys, seed=0)


def test_the_base_index_misses_what_the_tuned_one_finds(keys: Vectors) -> None:
    base = recall(IVFFlat(nprobe=1).over(keys, seed=3), keys[:700], keys)
    assert base < 0.8 < recall(Scaled(kind=Kind.IVF, exact_up_to=10, target=0.98, k=K).over(keys, 3), keys[:700], keys)
