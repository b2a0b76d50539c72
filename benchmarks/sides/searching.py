"""Sides of the neighbour search: all queries of the first fine-tuning epoch as found, in its batches."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from benchmarks.child import Measure, Reading
from benchmarks.neighbour_search import queries_of_an_epoch
from benchmarks.sides.finetuning import started
from benchmarks.sides.world import timed
from harness.ftragrec.index import FaissIndex, Flat
from harness.ftragrec.run import Run
from harness.interventions.search import Scaled
from harness.recipe import BASE

TARGETS = (0.9, 0.95, 0.98, 0.99)
"""Settings of ``search.scaled`` that are tried: recall of keys against exact search."""

SAMPLE = 16
"""Every so many-th batch is searched exactly as well, for the recall."""

TRIES = 3

N_HITS = BASE.selection.n_hits

Search = Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Setting:
    """A way to search: its name, and scores and entries of normalised queries."""

    name: str
    search: Search
    build_s: float = 0.0


class Queries:
    """All queries of an epoch by batch, and what exact search finds for a sample of them."""

    def __init__(self, run: Run) -> None:
        self.batches = queries_of_an_epoch(run)
        self.keys = run.library.shelf.memory.normalised_keys()
        self._sample = self.batches[::SAMPLE]
        exact = Flat().over(self.keys)
        self._exact = [exact.search(each, each, N_HITS)[1] for each in self._sample]

    def recall(self, search: Search) -> float:
        """Share of the exact hits of the sample that are found."""
        pairs = zip(self._sample, self._exact, strict=True)
        return float(np.mean([shared(search(each)[1], exact) for each, exact in pairs]))

    def sample_s(self, search: Search) -> float:
        """Seconds of the sample, the best of some tries."""
        return min(timed([lambda each=each: search(each) for each in self._sample]) for _ in range(TRIES))

    def measure(self, setting: Setting) -> Measure:
        """All batches, a round."""
        recall, digest = self.recall(setting.search), hashlib.sha256()
        for each in self.batches:
            for part in setting.search(each):
                digest.update(np.ascontiguousarray(part).tobytes())

        def measure() -> Reading:
            began = time.perf_counter()
            for each in self.batches:
                setting.search(each)
            return Reading(
                seconds=time.perf_counter() - began,
                figures={
                    "queries": sum(map(len, self.batches)),
                    "keys": len(self.keys),
                    "recall@20": recall,
                    "build_s": setting.build_s,
                },
                facts={"hits": digest.hexdigest()[:16], "setting": setting.name},
            )

        return measure


def as_found(data: str, data_dir: str | None, backbone: str) -> Measure:
    """The product's search of the index as found."""
    run = started(data, data_dir, backbone, BASE)
    return Queries(run).measure(Setting(name="as found", search=by_product(index_of(run))))


def plain_faiss(data: str, data_dir: str | None, backbone: str) -> Measure:
    """FAISS's own search of the index as found: IVF of 128 lists, nprobe 10."""
    run = started(data, data_dir, backbone, BASE)
    index = index_of(run).faiss
    return Queries(run).measure(Setting(name="FAISS", search=lambda query: index.search(query, N_HITS)))


def fastest(data: str, data_dir: str | None, backbone: str) -> Measure:
    """The product's fastest setting whose recall is no worse than that of the index as found."""
    run = started(data, data_dir, backbone, BASE)
    queries = Queries(run)
    found = Setting(name="the index as found, list by list", search=by_product(index_of(run)))
    wanted = queries.recall(found.search)
    tried = [scaled_to(run, target) for target in TARGETS]
    reaching = [each for each in tried if queries.recall(each.search) >= wanted]
    return queries.measure(min([found, *reaching], key=lambda each: queries.sample_s(each.search)))


def scaled_to(run: Run, target: float) -> Setting:
    """The index that ``search.scaled`` fits to the memory."""
    recipe = Scaled(kind="ivf", exact_up_to=1_000, target=target).apply(BASE)
    began = time.perf_counter()
    index = recipe.index.build(run.library.shelf.memory, run.inputs, seed=0)
    build_s = time.perf_counter() - began
    assert isinstance(index, FaissIndex)
    shape = f"{index.faiss.nlist} lists, nprobe {index.faiss.nprobe}"
    return Setting(name=f"`search.scaled`, target {target} ({shape})", search=by_product(index), build_s=build_s)


def index_of(run: Run) -> FaissIndex:
    """The run's own."""
    index = run.library.shelf.index
    assert isinstance(index, FaissIndex)
    return index


def by_product(index: FaissIndex) -> Search:
    """The product's search of an index that asks with ``R(s)`` alone."""
    return lambda query: index.search(query, query, N_HITS)


def shared(found: np.ndarray, exact: np.ndarray) -> float:
    """Share of the exact hits that were found, mean over queries.

    >>> shared(np.array([[1, 2], [3, 4]]), np.array([[2, 1], [4, 9]]))
    0.75
    """
    return float((found[:, :, None] == exact[:, None, :]).any(axis=1).mean())
