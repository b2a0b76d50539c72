"""Claims 3, 9 and 10: is the memory stale, what does the search find in it, and what does it miss?"""

from __future__ import annotations

import time

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from harness.diagnostics.moment import Moment, found_targets, mean_where
from harness.ftragrec.forward import Forward
from harness.ftragrec.index import MISSING, Flat

THRESHOLD = 0.6
"""Cosine under which a hit counts as far, ``quality_threshold`` of the original's configuration."""

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
    users = torch.from_numpy(memory.user)[forward.neighbours.entry]
    asking = torch.from_numpy(moment.inputs.prefixes.user[forward.retrieved.prefix])
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


def hits(forward: Forward) -> Tensor:
    """Which queries have a neighbour that leads to their target, ``(batch,)``."""
    return (found_targets(forward) == forward.target[:, None]).any(dim=1)


def distinct(targets: Tensor) -> Tensor:
    """Distinct targets among the neighbours of each query, ``(batch,)``."""
    ordered = targets.sort(dim=1).values
    new = torch.ones_like(ordered, dtype=torch.bool)
    new[:, 1:] = ordered[:, 1:] != ordered[:, :-1]
    return (new & (ordered > 0)).sum(dim=1)


def target_similarity(moment: Moment) -> float:
    """Mean cosine between the embeddings of two neighbours' targets, over pairs that exist."""
    forward = moment.valid
    unit = torch.nn.functional.normalize(moment.inputs.item_matrix.detach()[found_targets(forward)], dim=2)
    cosine = unit @ unit.transpose(1, 2)
    pairs = forward.neighbours.mask[:, :, None] & forward.neighbours.mask[:, None]
    return mean_where(cosine, pairs & ~torch.eye(pairs.shape[1], dtype=torch.bool))


def by_length(moment: Moment) -> dict[str, float]:
    """Hit rate by the length of the query's prefix, and share of hits by the length of the entry's."""
    forward, prefixes = moment.valid, moment.inputs.prefixes
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
    forward = moment.valid
    memory, index = moment.run.library.shelf.memory, moment.run.library.shelf.index
    n_hits = moment.run.recipe.selection.n_hits
    query = torch.nn.functional.normalize(forward.query, dim=1).numpy()
    sequence = torch.nn.functional.normalize(forward.sequence, dim=1).numpy()
    began = time.perf_counter()
    _, found = index.search(query, sequence, n_hits)
    between = time.perf_counter()
    _, exact = Flat().over(memory.normalised_keys()).search(query, sequence, min(n_hits, len(memory)))
    ended = time.perf_counter()
    there = np.any(exact[:, :, None] == found[:, None, :], axis=2) & (exact != MISSING)
    return {
        "recall": float(there.sum() / (exact != MISSING).sum()),
        "milliseconds_per_query": 1e3 * (between - began) / len(query),
        "milliseconds_per_query_exact": 1e3 * (ended - between) / len(query),
    }
