"""Claims 9 and 10: what the index misses, what is no entry, and whether that would have been found and been right."""

from __future__ import annotations

import time

import numpy as np
import torch
from torch import Tensor

from harness.data.split import Indices
from harness.engine.live.composite_index import Ranged
from harness.engine.types.memory import Memory
from harness.engine.types.snapshot import LiveIndex
from harness.engine.types.vectors import MISSING, Vectors
from harness.probes.sample import ProbeSample, clustered_error, hits, paired_share_error
from harness.recipe.seams.retrieval.index import Flat
from harness.recipe.seams.retrieval.search import NeighbourSearch, Selection, Stage, TopK


def measure(sample: ProbeSample) -> dict[str, float]:
    """All that exact search over the stored keys tells, which is built once."""
    exact = Remembering(Flat().over(sample.run.manager.snapshot.memory.normalised_keys()))
    return against_exact(sample, exact) | scope(sample, exact)


def against_exact(sample: ProbeSample, exact: Remembering) -> dict[str, float]:
    """Share of the exact nearest keys that the index finds, before any exclusion, and milliseconds a query of each."""
    forward, n_hits = sample.valid, sample.run.recipe.selection.n_hits
    query, sequence = (torch.nn.functional.normalize(each, dim=1).numpy() for each in (forward.query, forward.sequence))
    began = time.perf_counter()
    _, found = sample.run.manager.snapshot.index.search(query, sequence, n_hits)
    seconds = time.perf_counter() - began
    _, nearest = exact.search(query, sequence, n_hits)
    there = np.any(nearest[:, :, None] == found[:, None, :], axis=2) & (nearest != MISSING)
    return {
        "search.recall": float(there.sum() / (nearest != MISSING).sum()),
        "search.recall_error": clustered_error(torch.as_tensor(there).float(), torch.as_tensor(nearest != MISSING)),
        "search.milliseconds_per_query": 1e3 * seconds / len(query),
        "search.milliseconds_per_query_exact": 1e3 * exact.seconds / len(query),
    }


def scope(sample: ProbeSample, exact: Remembering) -> dict[str, float]:
    """Share of the sourced prefixes that are no entries; hit rates with them and without, both by exact search."""
    run, snapshot = sample.run, sample.run.manager.snapshot
    kept = np.isin(snapshot.sourced, snapshot.memory.prefix, assume_unique=True)
    dropped = run.system.memory_of(snapshot.sourced[~kept], run.system.keys(snapshot.sourced[~kept]))
    found, _ = led(sample, sample.valid.query, snapshot.memory, exact)
    found_all, entry = found, None
    if len(dropped):
        everything = run.system.memory_of(snapshot.sourced, _in_order(kept, snapshot.memory, dropped))
        parts = ((np.flatnonzero(kept), exact), (np.flatnonzero(~kept), Flat().over(dropped.normalised_keys())))
        found_all, entry = led(sample, sample.valid.query, everything, Merged(parts))
    lost = (found_all.any(dim=1).double() - found.any(dim=1).double()).numpy()
    sample.hit_among_all = found_all.any(dim=1)
    useful = torch.zeros(int(found.sum())) if entry is None else torch.as_tensor(~kept)[entry][found_all]
    return {
        "scope.dropped": 1.0 - float(kept.mean()),
        "scope.dropped_of_useful": useful.float().mean().item() if len(useful) else float("nan"),
        "scope.hit_rate_kept": found.any(dim=1).float().mean().item(),
        "scope.hit_rate_all": found_all.any(dim=1).float().mean().item(),
        "scope.hit_rate_error": paired_share_error(lost),
        "scope.hit_rate_searched": hits(sample.valid).float().mean().item(),
    }


def hit_among_all(sample: ProbeSample) -> Tensor:
    """Which validation queries find their target by exact search with ``R(s)`` in all prefixes, searched for once."""
    if sample.hit_among_all is None:
        scope(sample, Remembering(Flat().over(sample.run.manager.snapshot.memory.normalised_keys())))
    assert sample.hit_among_all is not None
    return sample.hit_among_all


def _in_order(kept: np.ndarray, memory: Memory, dropped: Memory) -> Tensor:
    """Keys of all sourced prefixes, those of entries as stored."""
    keys = torch.empty(len(kept), memory.keys.shape[1])
    keys[torch.as_tensor(kept)] = memory.keys
    keys[torch.as_tensor(~kept)] = dropped.keys
    return keys


def led(sample: ProbeSample, query: Tensor, memory: Memory, index: LiveIndex) -> tuple[Tensor, Tensor]:
    """Which neighbours of the validation sample lead to its targets, and their entry numbers, ``(n, k)`` each.

    They are chosen as the recipe chooses; where it takes some of every range of lengths, the nearest as many of all.
    """
    recipe, forward = sample.run.recipe, sample.valid
    selection: Selection = recipe.selection
    if selection.ranges:
        selection = TopK(k=forward.neighbours.entry.shape[1])
    search = NeighbourSearch(exclusion=recipe.exclusion, filters=recipe.filters, selection=selection)
    found = search(
        index=index,
        memory=memory,
        inputs=sample.current,
        query=query,
        sequence=forward.sequence,
        prefix=forward.retrieved.prefix,
        stage=Stage.EVAL,
    )
    return (memory.target[found.entry] == forward.target[:, None]) & found.mask, found.entry


class Remembering:
    """An index that answers the same queries once, and a narrower question from a wider answer.

    Attributes:
        seconds: wall time of the last search that was made.
    """

    def __init__(self, index: LiveIndex) -> None:
        self._index = index
        self._answers: dict[bytes, tuple[Vectors, Indices]] = {}
        self.seconds = 0.0

    def search(self, query: Vectors, sequence: Vectors, n_hits: int) -> tuple[Vectors, Indices]:
        """As the index answers."""
        asked = query.tobytes()
        known = self._answers.get(asked)
        if known is None or known[0].shape[1] < n_hits:
            began = time.perf_counter()
            known = self._answers[asked] = self._index.search(query, sequence, n_hits)
            self.seconds = time.perf_counter() - began
        cosine, entry = known
        return cosine[:, :n_hits], entry[:, :n_hits]


class Merged(Ranged):
    """Indexes over parts of a memory as one over the whole: as many hits as it is asked for, not as many of each."""

    def search(self, query: Vectors, sequence: Vectors, n_hits: int) -> tuple[Vectors, Indices]:
        """The best hits of all parts together."""
        cosine, entry = super().search(query, sequence, n_hits)
        return cosine[:, :n_hits], entry[:, :n_hits]
