"""Claim 9: what is no entry, and whether it would have been found and been right."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from harness.engine.types.memory import Memory
from harness.engine.types.snapshot import LiveIndex
from harness.probes.exact import Merged
from harness.probes.sample import Moment, hits
from harness.recipe.seams.index import Flat
from harness.recipe.seams.search import NeighbourSearch, Selection, Stage, TopK


def measure(moment: Moment) -> dict[str, float]:
    """Share of the sourced prefixes that are no entries; hit rates with them and without, both by exact search."""
    run, snapshot = moment.run, moment.run.manager.snapshot
    kept = np.isin(snapshot.sourced, snapshot.memory.prefix, assume_unique=True)
    dropped = run.system.memory_of(snapshot.sourced[~kept], run.system.keys(snapshot.sourced[~kept]))
    found, _ = led(moment, moment.valid.query, snapshot.memory, moment.exact)
    found_all, entry = found, None
    if len(dropped):
        everything = run.system.memory_of(snapshot.sourced, _in_order(kept, snapshot.memory, dropped))
        parts = ((np.flatnonzero(kept), moment.exact), (np.flatnonzero(~kept), Flat().over(dropped.normalised_keys())))
        found_all, entry = led(moment, moment.valid.query, everything, Merged(parts))
    useful = torch.zeros(int(found.sum())) if entry is None else torch.as_tensor(~kept)[entry][found_all]
    return {
        "dropped": 1.0 - float(kept.mean()),
        "dropped_of_useful": useful.float().mean().item() if len(useful) else float("nan"),
        "hit_rate_kept": found.any(dim=1).float().mean().item(),
        "hit_rate_all": found_all.any(dim=1).float().mean().item(),
        "hit_rate_searched": hits(moment.valid).float().mean().item(),
    }


def _in_order(kept: np.ndarray, memory: Memory, dropped: Memory) -> Tensor:
    """Keys of all sourced prefixes, those of entries as stored."""
    keys = torch.empty(len(kept), memory.keys.shape[1])
    keys[torch.as_tensor(kept)] = memory.keys
    keys[torch.as_tensor(~kept)] = dropped.keys
    return keys


def led(moment: Moment, query: Tensor, memory: Memory, index: LiveIndex) -> tuple[Tensor, Tensor]:
    """Which neighbours of the valid sample lead to its targets, and their entry numbers, ``(n, k)`` each.

    They are chosen as the recipe chooses; where it takes some of every range of lengths, the nearest as many of all.
    """
    recipe, forward = moment.run.recipe, moment.valid
    selection: Selection = recipe.selection
    if selection.ranges:
        selection = TopK(k=forward.neighbours.entry.shape[1])
    search = NeighbourSearch(exclusion=recipe.exclusion, filters=recipe.filters, selection=selection)
    found = search(
        index=index,
        memory=memory,
        inputs=moment.current,
        query=query,
        sequence=forward.sequence,
        prefix=forward.retrieved.prefix,
        stage=Stage.EVAL,
    )
    return (memory.target[found.entry] == forward.target[:, None]) & found.mask, found.entry
