"""Claims 3, 9 and 10: is the memory stale, what does the search find in it, and what does it miss?"""

from __future__ import annotations

import time
from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from harness.data.split import Indices
from harness.engine.types.vectors import MISSING
from harness.probes.past import Past, last_encoded, neighbour_prefixes, share_kept
from harness.probes.sample import Moment, found_targets, hits, mean_where, probe_streams
from harness.results.record import EpochPoint

THRESHOLD = 0.6
"""Cosine under which a hit counts as far, ``quality_threshold`` of the original's configuration."""

ROUNDING = 1e-5
"""Cosine distance under which a key has not moved."""

SOME_ENTRIES = 2000
"""Entries whose keys are encoded anew to see whether a refresh would move them."""

LENGTHS = (5, 10, 20, 50)
"""Last prefix lengths of the strata, in items; the last stratum is open."""


def measure(moment: Moment) -> dict[str, float]:
    """Staleness, hit rate, closeness, own-user share and diversity of the neighbours of valid queries."""
    forward = moment.valid
    mask, memory = forward.neighbours.mask, forward.retrieved.memory
    stored = memory.keys[forward.neighbours.entry]
    with torch.no_grad():
        now = moment.run.system.retriever(forward.retrieved.histories)
    current = torch.nn.functional.cosine_similarity(stored, now, dim=2)
    users = torch.as_tensor(memory.user)[forward.neighbours.entry]
    asking = torch.as_tensor(moment.current.prefixes.user[forward.retrieved.prefix])
    return {
        "staleness": mean_where(current, mask),
        "hit_rate": hits(forward).float().mean().item(),
        "cosine": mean_where(forward.neighbours.cosine, mask),
        "below_threshold": mean_where((forward.neighbours.cosine < THRESHOLD).float(), mask),
        "own_user_share": mean_where((users == asking[:, None]).float(), mask),
        "distinct_targets": mean_where(distinct(found_targets(forward)), forward.neighbours.any),
        "target_similarity": target_similarity(moment),
        "entries": float(len(memory)),
        **by_length(moment),
    }


def distinct(targets: Tensor) -> Tensor:
    """Distinct targets among the neighbours of each query, ``(batch,)``."""
    ordered = targets.sort(dim=1).values
    new = torch.ones_like(ordered, dtype=torch.bool)
    new[:, 1:] = ordered[:, 1:] != ordered[:, :-1]
    return (new & (ordered > 0)).sum(dim=1)


def target_similarity(moment: Moment) -> float:
    """Mean cosine between the embeddings of two neighbours' targets, over pairs that exist."""
    forward = moment.valid
    unit = torch.nn.functional.normalize(moment.current.item_matrix.detach()[found_targets(forward)], dim=2)
    cosine = unit @ unit.transpose(1, 2)
    pairs = forward.neighbours.mask[:, :, None] & forward.neighbours.mask[:, None]
    return mean_where(cosine, pairs & ~torch.eye(pairs.shape[1], dtype=torch.bool))


def by_length(moment: Moment) -> dict[str, float]:
    """Hit rate by the length of the query's prefix, and share of hits by the length of the entry's."""
    forward, prefixes = moment.valid, moment.current.prefixes
    query = np.searchsorted(LENGTHS, prefixes.position[forward.retrieved.prefix])
    entry = np.searchsorted(LENGTHS, forward.retrieved.memory.position[forward.neighbours.entry.numpy()])
    led: NDArray[np.bool_] = ((found_targets(forward) == forward.target[:, None]) & forward.neighbours.mask).numpy()
    found = forward.neighbours.mask.numpy()
    figures: dict[str, float] = {}
    for number, name in enumerate((*(f"to_{last}" for last in LENGTHS), "beyond")):
        inside = query == number
        figures[f"hit_rate.query_{name}"] = float(led.max(axis=1)[inside].mean()) if inside.any() else float("nan")
        here = found & (entry == number)
        figures[f"precision.entry_{name}"] = float(led[here].mean()) if here.any() else float("nan")
    return figures


def against_exact(moment: Moment) -> dict[str, float]:
    """Share of the exact nearest keys that the index finds, before any exclusion, and milliseconds a query of each."""
    forward, n_hits = moment.valid, moment.run.recipe.selection.n_hits
    query, sequence = (torch.nn.functional.normalize(each, dim=1).numpy() for each in (forward.query, forward.sequence))
    began = time.perf_counter()
    _, found = moment.run.manager.snapshot.index.search(query, sequence, n_hits)
    seconds = time.perf_counter() - began
    _, exact = moment.exact.search(query, sequence, n_hits)
    there = np.any(exact[:, :, None] == found[:, None, :], axis=2) & (exact != MISSING)
    return {
        "recall": float(there.sum() / (exact != MISSING).sum()),
        "milliseconds_per_query": 1e3 * seconds / len(query),
        "milliseconds_per_query_exact": 1e3 * moment.exact.seconds / len(query),
    }


def overlap(moment: Moment, past: Past, point: EpochPoint) -> dict[str, float]:
    """How many neighbours of the valid sample are those of the look before, and how old the keys are.

    ``age`` counts epochs since all keys were encoded; ``refreshed`` is 1 where the index was rebuilt since the look
    before, so that the overlap is one across a refresh. Both others are NaN at the first look.
    """
    before = past.neighbours
    return {
        "overlap_previous": float("nan") if before is None else share_kept(before, neighbour_prefixes(moment.valid)),
        "age": float(point.epoch - last_encoded(past, moment, point)),
        "refreshed": float("nan") if before is None else float(moment.run.manager.rebuilt),
    }


def refresh(moment: Moment) -> dict[str, float]:
    """What a refresh by the recipe's own rule would do to stored keys if it came now; none is made.

    A rule that adds the stored keys again moves none of them, whatever has become of the retriever.
    """
    stored, refreshed = _refreshed(moment, _some_entries(moment))
    cosine = torch.nn.functional.cosine_similarity(stored, refreshed, dim=1)
    # Rounding makes the cosine of equal vectors differ from 1.
    moved = (1.0 - cosine).where((stored != refreshed).any(dim=1), 0.0)
    return {"refresh_moves": moved.mean().item(), "refresh_moved": (moved > ROUNDING).float().mean().item()}


def across_refresh(moment: Moment) -> dict[str, float]:
    """Share of the valid sample's neighbours that a refresh by the recipe's own rule would keep if it came now."""
    run, valid = moment.run, moment.valid
    snapshot = run.manager.snapshot
    memory = replace(snapshot.memory, keys=_refreshed(moment, np.arange(len(snapshot.memory)))[1])
    index = run.recipe.index.build(memory, moment.current, run.streams.integer("index"))
    with torch.no_grad():
        after = run.system.forward(
            sequence=valid.sequence,
            prefix=valid.retrieved.prefix,
            snapshot=replace(snapshot, memory=memory, index=index),
            progress=moment.progress,
        )
    return {"refresh_overlap": share_kept(neighbour_prefixes(valid), neighbour_prefixes(after))}


def _some_entries(moment: Moment) -> Indices:
    order = torch.randperm(
        len(moment.run.manager.snapshot.memory), generator=probe_streams("entries").generator("sample")
    )
    return order[:SOME_ENTRIES].sort().values.numpy()


def _refreshed(moment: Moment, entries: Indices) -> tuple[Tensor, Tensor]:
    """Keys of entries as stored and as a refresh would leave them, ``(n, d)`` each."""
    memory = moment.run.manager.snapshot.memory
    stored = memory.keys[torch.as_tensor(entries)]
    anew = moment.run.recipe.refresh.reencodes
    return stored, moment.run.system.keys(memory.prefix[entries]) if anew else stored
