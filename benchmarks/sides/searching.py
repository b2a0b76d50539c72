"""Sides of the neighbour search: all queries of the first fine-tuning epoch as found, in its batches."""

from __future__ import annotations

import hashlib
import time
from typing import Any

import numpy as np

from benchmarks.child import Measure, Reading
from benchmarks.neighbour_search import queries_of_an_epoch
from benchmarks.sides.finetuning import started
from harness.ftragrec.index import FaissIndex, Flat
from harness.interventions.search import Scaled
from harness.recipe import BASE

TARGET_RECALL = 0.9
"""Just above what IVF128 with nprobe 10 has."""

SAMPLE = 16
"""Every so many-th batch is searched exactly as well, for the recall."""


def as_found(data: str, data_dir: str | None, backbone: str) -> Measure:
    """The product's search of the index as found."""
    return _searching(data, data_dir, backbone, which="product")


def plain_faiss(data: str, data_dir: str | None, backbone: str) -> Measure:
    """FAISS's own search of the index as found: IVF of 128 lists, nprobe 10."""
    return _searching(data, data_dir, backbone, which="faiss")


def fitted(data: str, data_dir: str | None, backbone: str) -> Measure:
    """The index that ``search.scaled`` fits to the data, wide enough for :data:`TARGET_RECALL`."""
    return _searching(data, data_dir, backbone, which="fitted")


def _searching(data: str, data_dir: str | None, backbone: str, which: str) -> Measure:
    run = started(data, data_dir, backbone, BASE)
    queries, n_hits = queries_of_an_epoch(run), BASE.selection.n_hits
    memory = run.library.shelf.memory
    keys = memory.normalised_keys()
    own = run.library.shelf.index
    assert isinstance(own, FaissIndex)
    build_s = 0.0
    if which == "fitted":
        recipe = Scaled(kind="ivf", exact_up_to=1_000, target=TARGET_RECALL).apply(BASE)
        began = time.perf_counter()
        own = recipe.index.build(memory, run.inputs, seed=0)
        build_s = time.perf_counter() - began
        assert isinstance(own, FaissIndex)
    index: Any = own.faiss

    def search(query: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return index.search(query, n_hits) if which == "faiss" else own.search(query, query, n_hits)

    exact = Flat().over(keys)
    sample = queries[::SAMPLE]
    recall = float(np.mean([shared(search(each)[1], exact.search(each, each, n_hits)[1]) for each in sample]))
    digest = hashlib.sha256()
    for query in queries:
        for part in search(query):
            digest.update(np.ascontiguousarray(part).tobytes())

    def measure() -> Reading:
        began = time.perf_counter()
        for query in queries:
            search(query)
        return Reading(
            seconds=time.perf_counter() - began,
            figures={
                "queries": sum(map(len, queries)),
                "keys": len(keys),
                "lists": index.nlist,
                "nprobe": index.nprobe,
                "recall@20": recall,
                "build_s": build_s,
            },
            facts={"hits": digest.hexdigest()[:16]},
        )

    return measure


def shared(found: np.ndarray, exact: np.ndarray) -> float:
    """Share of the exact hits that were found, mean over queries.

    >>> shared(np.array([[1, 2], [3, 4]]), np.array([[2, 1], [4, 9]]))
    0.75
    """
    return float((found[:, :, None] == exact[:, None, :]).any(axis=1).mean())
