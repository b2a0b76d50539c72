"""Sides of the neighbour search: one query per training prefix, in the batches of an epoch."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch

from benchmarks.child import Measure, Reading
from benchmarks.sides.finetuning import started
from benchmarks.sides.world import batches, steps_of, timed, world
from harness.engine.live.faiss_index import FaissIndex
from harness.engine.run import Run
from harness.engine.types.noise import Noise
from harness.engine.types.vectors import Vectors
from harness.interventions.search import Scaled
from harness.recipe.recipe import BASE
from harness.recipe.seams.retrieval.index import Flat, IVFFlat
from harness.recipe.seams.retrieval.tuned_index import Scaled as ScaledIndex

TARGETS = (0.92, 0.94, 0.96)
"""Settings of ``search.scaled`` to try: recall of keys against exact search."""

SAMPLE = 16
"""One in so many batches is also searched exactly, to measure recall."""

TRIES = 3

N_HITS = BASE.selection.n_hits

Search = Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Setting:
    """A search method: its name and a function from normalised queries to scores and entries."""

    name: str
    search: Search
    build_s: float = 0.0


class Queries:
    """All queries of an epoch by batch, the keys to search, and the exact neighbours of a sample of batches."""

    def __init__(self, data: str, data_dir: str | None, backbone: str, memory: str) -> None:
        """Prepare the queries and keys of one of two memories.

        Args:
            data, data_dir, backbone: as for every side.
            memory: ``run``: the memory of a run as published, ``R(s)`` with its admission, with queries under the first
                epoch's dropout; ``every``: the clean ``s`` of every training prefix, as keys and as queries.
        """
        if memory == "run":
            run = started(data, data_dir, backbone, BASE)
            self.batches = queries_of_an_epoch(run)
            self.keys = run.manager.snapshot.memory.normalised_keys()
        else:
            inputs = world(data, data_dir).inputs(backbone)
            train = inputs.encodings[torch.from_numpy(inputs.prefixes.train)]
            self.keys = torch.nn.functional.normalize(train, dim=1).numpy()
            take = batches(len(self.keys), BASE.batch_size)
            self.batches = [self.keys[each] for each in take(steps_of(len(self.keys), BASE.batch_size))]
        self._sample = self.batches[::SAMPLE]
        exact = Flat().over(self.keys)
        self._exact = [exact.search(each, each, N_HITS)[1] for each in self._sample]

    def recall(self, search: Search) -> float:
        """Share of the sample's exact hits that a search finds."""
        pairs = zip(self._sample, self._exact, strict=True)
        return float(np.mean([shared(search(each)[1], exact) for each, exact in pairs]))

    def sample_s(self, search: Search) -> float:
        """Seconds to search the sample, the best of some tries."""
        return min(timed([lambda each=each: search(each) for each in self._sample]) for _ in range(TRIES))

    def measure(self, setting: Setting, *, sample: bool = False) -> Measure:
        """Return a function that searches all batches, or the sample, per round; the first round has more results."""
        batches = self._sample if sample else self.batches
        recall = self.recall(setting.search)
        digest: list[str] = []

        def measure() -> Reading:
            began = time.perf_counter()
            found = [setting.search(each) for each in batches]
            seconds = time.perf_counter() - began
            if not digest:
                digest.append(digest_of(found))
            return Reading(
                seconds=seconds,
                figures={
                    "queries": sum(map(len, batches)),
                    "keys": len(self.keys),
                    "recall@20": recall,
                    "build_s": setting.build_s,
                },
                facts={"hits": digest[0], "setting": setting.name},
            )

        return measure

    def as_found(self) -> FaissIndex:
        """The index over the keys as in FTragrec as published."""
        return IVFFlat().over(self.keys, seed=0)


@torch.no_grad()
def queries_of_an_epoch(run: Run) -> list[Vectors]:
    """Normalised ``R(s)`` of every batch of the first epoch, with dropout, ``(batch, d)`` each."""
    noise = Noise.of_epoch(run.streams, 0)
    return [
        torch.nn.functional.normalize(run.system.retriever(sequence, noise.query), dim=1).numpy()
        for sequence, _ in run.batches(run.progress(0), backbone_moves=False)
    ]


def as_found(data: str, data_dir: str | None, backbone: str, memory: str) -> Measure:
    """The product's search of the index as published."""
    queries = Queries(data, data_dir, backbone, memory)
    return queries.measure(Setting(name="as found", search=by_product(queries.as_found())))


def plain_faiss(data: str, data_dir: str | None, backbone: str, memory: str) -> Measure:
    """FAISS's own search of the index as published: IVF of 128 lists, nprobe 10."""
    queries = Queries(data, data_dir, backbone, memory)
    index = queries.as_found().faiss
    return queries.measure(Setting(name="FAISS", search=lambda query: index.search(query, N_HITS)))


def exact(data: str, data_dir: str | None, backbone: str, memory: str) -> Measure:
    """The product's exact search, on the sample."""
    queries = Queries(data, data_dir, backbone, memory)
    return queries.measure(Setting(name="exact", search=by_product(Flat().over(queries.keys))), sample=True)


def exact_faiss(data: str, data_dir: str | None, backbone: str, memory: str) -> Measure:
    """FAISS's exact search, on the sample."""
    queries = Queries(data, data_dir, backbone, memory)
    index = Flat().over(queries.keys).faiss
    return queries.measure(Setting(name="FAISS", search=lambda query: index.search(query, N_HITS)), sample=True)


def fastest(data: str, data_dir: str | None, backbone: str, memory: str) -> Measure:
    """The product's fastest setting with at least the recall of the index as published."""
    queries = Queries(data, data_dir, backbone, memory)
    found = Setting(name="the index as found, list by list", search=by_product(queries.as_found()))
    wanted = queries.recall(found.search)
    tried = [scaled_to(queries.keys, target) for target in TARGETS]
    reaching = [each for each in tried if queries.recall(each.search) >= wanted]
    return queries.measure(min([found, *reaching], key=lambda each: queries.sample_s(each.search)))


def scaled_to(keys: np.ndarray, target: float) -> Setting:
    """The index that ``search.scaled`` fits to the keys."""
    spec = Scaled(kind="ivf", exact_up_to=1_000, target=target).apply(BASE).index
    assert isinstance(spec, ScaledIndex)
    began = time.perf_counter()
    index = spec.over(keys, seed=0)
    build_s = time.perf_counter() - began
    shape = f"{index.faiss.nlist} lists, nprobe {index.faiss.nprobe}"
    return Setting(name=f"`search.scaled`, target {target} ({shape})", search=by_product(index), build_s=build_s)


def by_product(index: FaissIndex) -> Search:
    """The product's search of an index with one kind of query vector."""
    return lambda query: index.search(query, query, N_HITS)


def digest_of(found: list[tuple[np.ndarray, np.ndarray]]) -> str:
    """A hash of scores and entries, 16 hexadecimal digits."""
    digest = hashlib.sha256()
    for parts in found:
        for part in parts:
            digest.update(np.ascontiguousarray(part).tobytes())
    return digest.hexdigest()[:16]


def shared(found: np.ndarray, exact: np.ndarray) -> float:
    """Share of the exact hits among those found, mean over queries.

    >>> shared(np.array([[1, 2], [3, 4]]), np.array([[2, 1], [4, 9]]))
    0.75
    """
    return float((found[:, :, None] == exact[:, None, :]).any(axis=1).mean())
