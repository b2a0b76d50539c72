"""Claims 3 and 10: is the memory stale, and how good are the neighbours?"""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from harness.data.split import Indices
from harness.probes.sample import (
    ProbeSample,
    clustered_error,
    error_where,
    found_targets,
    hits,
    mean_where,
    neighbour_prefixes,
    probe_streams,
)

THRESHOLD = 0.6
"""Cosine below which a hit counts as far; ``quality_threshold`` in the published configuration."""

ROUNDING = 1e-5
"""Cosine distance up to which a key counts as unchanged."""

SOME_ENTRIES = 2000
"""Number of entries whose keys are re-encoded to measure the effect of a refresh."""

LENGTHS = (5, 10, 20, 50)
"""Maximum prefix length of each stratum, in items; one more stratum above the last is open."""


def measure(sample: ProbeSample) -> dict[str, float]:
    """Return all figures that are measured at every evaluation."""
    return neighbours(sample) | overlap(sample) | refresh(sample)


def neighbours(sample: ProbeSample) -> dict[str, float]:
    """Measure staleness, hit rate, cosine, own-user share and diversity of the validation queries' neighbours."""
    forward = sample.valid
    mask, memory = forward.neighbours.mask, forward.retrieved.memory
    stored = memory.keys[forward.neighbours.entry]
    with torch.no_grad():
        now = sample.run.system.retriever(forward.retrieved.histories)
    current = torch.nn.functional.cosine_similarity(stored, now, dim=2)
    users = torch.as_tensor(memory.user)[forward.neighbours.entry]
    asking = torch.as_tensor(sample.current.prefixes.user[forward.retrieved.prefix])
    return {
        "index.staleness": mean_where(current, mask),
        "index.hit_rate": hits(forward).float().mean().item(),
        "index.staleness_error": clustered_error(current, mask),
        "index.below_threshold_error": clustered_error((forward.neighbours.cosine < THRESHOLD).float(), mask),
        "index.cosine": mean_where(forward.neighbours.cosine, mask),
        "index.below_threshold": mean_where((forward.neighbours.cosine < THRESHOLD).float(), mask),
        "index.own_user_share": mean_where((users == asking[:, None]).float(), mask),
        "index.distinct_targets": mean_where(distinct(found_targets(forward)), forward.neighbours.any),
        "index.distinct_targets_error": error_where(distinct(found_targets(forward)), forward.neighbours.any),
        "index.target_similarity": target_similarity(sample),
        "index.entries": float(len(memory)),
        **by_length(sample),
    }


def distinct(targets: Tensor) -> Tensor:
    """Return the number of distinct targets among each query's neighbours, ``(batch,)``."""
    ordered = targets.sort(dim=1).values
    new = torch.ones_like(ordered, dtype=torch.bool)
    new[:, 1:] = ordered[:, 1:] != ordered[:, :-1]
    return (new & (ordered > 0)).sum(dim=1)


def target_similarity(sample: ProbeSample) -> float:
    """Return the mean cosine between the target embeddings of two neighbours, over existing pairs."""
    forward = sample.valid
    unit = torch.nn.functional.normalize(sample.current.item_matrix.detach()[found_targets(forward)], dim=2)
    cosine = unit @ unit.transpose(1, 2)
    pairs = forward.neighbours.mask[:, :, None] & forward.neighbours.mask[:, None]
    return mean_where(cosine, pairs & ~torch.eye(pairs.shape[1], dtype=torch.bool))


def by_length(sample: ProbeSample) -> dict[str, float]:
    """Measure the hit rate by the query's prefix length, and the precision by the entry's prefix length."""
    forward, prefixes = sample.valid, sample.current.prefixes
    query = np.searchsorted(LENGTHS, prefixes.position[forward.retrieved.prefix])
    entry = np.searchsorted(LENGTHS, forward.retrieved.memory.position[forward.neighbours.entry.numpy()])
    led: NDArray[np.bool_] = ((found_targets(forward) == forward.target[:, None]) & forward.neighbours.mask).numpy()
    found = forward.neighbours.mask.numpy()
    figures: dict[str, float] = {}
    for number, name in enumerate((*(f"to_{last}" for last in LENGTHS), "beyond")):
        inside = query == number
        figures[f"index.hit_rate.query_{name}"] = float(led.max(axis=1)[inside].mean()) if inside.any() else math.nan
        here = found & (entry == number)
        figures[f"index.precision.entry_{name}"] = float(led[here].mean()) if here.any() else math.nan
    return figures


def overlap(sample: ProbeSample) -> dict[str, float]:
    """Measure the share of the validation sample's neighbours kept since the last evaluation, and the keys' age.

    ``age`` is the number of epochs since all keys were encoded; ``refreshed`` is 1 if the index was rebuilt since the
    last evaluation, so that the overlap is across a refresh. The other two are NaN at the first evaluation.
    """
    before, age = sample.past.neighbours, float(sample.epoch - sample.last_encoded)
    if before is None:
        return {"index.overlap_previous": math.nan, "index.age": age, "index.refreshed": math.nan}
    return {
        "index.overlap_previous": share_kept(before, neighbour_prefixes(sample.valid)),
        "index.age": age,
        "index.refreshed": float(sample.run.manager.rebuilt),
    }


def refresh(sample: ProbeSample) -> dict[str, float]:
    """Measure how a refresh by the recipe's rule would change stored keys now; no refresh is made.

    A rule that reuses the stored keys changes none of them, however far the retriever has moved.
    """
    stored, refreshed = _refreshed(sample, _some_entries(sample))
    cosine = torch.nn.functional.cosine_similarity(stored, refreshed, dim=1)
    # Rounding makes the cosine of equal vectors differ from 1.
    moved = (1.0 - cosine).where((stored != refreshed).any(dim=1), 0.0)
    return {"index.refresh_moves": moved.mean().item(), "index.refresh_moved": (moved > ROUNDING).float().mean().item()}


def across_refresh(sample: ProbeSample) -> dict[str, float]:
    """Measure the share of the validation sample's neighbours that a refresh by the recipe's rule would keep now."""
    run, valid = sample.run, sample.valid
    snapshot = run.manager.snapshot
    memory = replace(snapshot.memory, keys=_refreshed(sample, np.arange(len(snapshot.memory)))[1])
    index = run.recipe.index.build(memory, sample.current, run.streams.integer("index"))
    with torch.no_grad():
        after = run.system.forward(
            sequence=valid.sequence,
            prefix=valid.retrieved.prefix,
            snapshot=replace(snapshot, memory=memory, index=index),
            progress=sample.progress,
        )
    return {"index.refresh_overlap": share_kept(neighbour_prefixes(valid), neighbour_prefixes(after))}


def _some_entries(sample: ProbeSample) -> Indices:
    order = torch.randperm(
        len(sample.run.manager.snapshot.memory), generator=probe_streams("entries").generator("sample")
    )
    return order[:SOME_ENTRIES].sort().values.numpy()


def _refreshed(sample: ProbeSample, entries: Indices) -> tuple[Tensor, Tensor]:
    """Return the entries' keys as stored and after a refresh, ``(n, d)`` each."""
    memory = sample.run.manager.snapshot.memory
    stored = memory.keys[torch.as_tensor(entries)]
    anew = sample.run.recipe.refresh.reencodes
    return stored, sample.run.system.keys(memory.prefix[entries]) if anew else stored


def share_kept(before: Indices, now: Indices) -> float:
    """Return the share of earlier neighbours, ``(n, k)``, that are still neighbours of the query; -1: no neighbour.

    >>> share_kept(np.array([[4, 7], [2, -1]]), np.array([[7, 5], [-1, 3]]))
    0.3333333333333333
    """
    there = before >= 0
    kept = np.any(before[:, :, None] == now[:, None, :], axis=2) & there
    return float(kept.sum() / there.sum()) if there.any() else math.nan
