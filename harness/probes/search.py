"""Claims 9 and 10: what the index misses, which prefixes are not entries, and whether they would have been hits."""

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
    """Return all figures that need exact search over the stored keys; its index is built once."""
    exact = Remembering(Flat().over(sample.run.manager.snapshot.memory.normalised_keys()))
    return against_exact(sample, exact) | scope(sample, exact)


def against_exact(sample: ProbeSample, exact: Remembering) -> dict[str, float]:
    """Measure the index's recall of the exact nearest keys before exclusion, and milliseconds per query of both."""
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
    """Measure the share of sourced prefixes that are not entries, and exact hit rates with and without them."""
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
    """Return which validation queries hit their target by exact search with ``R(s)`` in all prefixes; cached."""
    if sample.hit_among_all is None:
        scope(sample, Remembering(Flat().over(sample.run.manager.snapshot.memory.normalised_keys())))
    assert sample.hit_among_all is not None
    return sample.hit_among_all


def _in_order(kept: np.ndarray, memory: Memory, dropped: Memory) -> Tensor:
    """Return the keys of all sourced prefixes in order; entries keep their stored keys."""
    keys = torch.empty(len(kept), memory.keys.shape[1])
    keys[torch.as_tensor(kept)] = memory.keys
    keys[torch.as_tensor(~kept)] = dropped.keys
    return keys


def led(sample: ProbeSample, query: Tensor, memory: Memory, index: LiveIndex) -> tuple[Tensor, Tensor]:
    """Return which neighbours of the validation sample have its targets, and their entry numbers, ``(n, k)`` each.

    The recipe's selection is used; if it selects per range of lengths, the nearest k of all ranges are used instead.
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
    """An index that caches its hits; a request for fewer hits is answered from a larger cached one.

    Attributes:
        seconds: wall time of the last search that was not cached.
    """

    def __init__(self, index: LiveIndex) -> None:
        self._index = index
        self._answers: dict[bytes, tuple[Vectors, Indices]] = {}
        self.seconds = 0.0

    def search(self, query: Vectors, sequence: Vectors, n_hits: int) -> tuple[Vectors, Indices]:
        """Return the hits of the index, from the cache if possible."""
        asked = query.tobytes()
        known = self._answers.get(asked)
        if known is None or known[0].shape[1] < n_hits:
            began = time.perf_counter()
            known = self._answers[asked] = self._index.search(query, sequence, n_hits)
            self.seconds = time.perf_counter() - began
        cosine, entry = known
        return cosine[:, :n_hits], entry[:, :n_hits]


class Merged(Ranged):
    """Indexes over parts of a memory as one index: it returns ``n_hits`` in total, not per part."""

    def search(self, query: Vectors, sequence: Vectors, n_hits: int) -> tuple[Vectors, Indices]:
        """Return the best hits over all parts."""
        cosine, entry = super().search(query, sequence, n_hits)
        return cosine[:, :n_hits], entry[:, :n_hits]
