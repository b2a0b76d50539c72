"""Claim 9: what the admission to the memory drops, and whether it would have been found and been right."""

from __future__ import annotations

import numpy as np
import torch

from harness.diagnostics.index import hits
from harness.diagnostics.moment import Moment
from harness.ftragrec.index import Flat
from harness.ftragrec.search import NeighbourSearch, Stage


def measure(moment: Moment) -> dict[str, float]:
    """Share of the sourced prefixes that are no entries; hit rates with them and without, both by exact search."""
    run, forward = moment.run, moment.valid
    shelf, system = run.library.shelf, run.system
    everything = system.memory_of(shelf.sourced, system.keys(shelf.sourced))
    rates: dict[str, float] = {}
    for name, memory in (("kept", shelf.memory), ("all", everything)):
        search = NeighbourSearch(
            exclusion=run.recipe.exclusion, filters=run.recipe.filters, selection=run.recipe.selection
        )
        found = search(
            index=Flat().over(memory.normalised_keys()),
            memory=memory,
            inputs=moment.inputs,
            query=forward.query,
            sequence=forward.sequence,
            prefix=forward.retrieved.prefix,
            stage=Stage.EVAL,
        )
        led = (memory.target[found.entry] == forward.target[:, None]) & found.mask
        rates[name] = led.any(dim=1).float().mean().item()
        if name == "all":
            dropped = ~np.isin(memory.prefix, shelf.memory.prefix)
            useful = torch.from_numpy(dropped)[found.entry][led]
            rates["dropped_of_useful"] = useful.float().mean().item() if len(useful) else float("nan")
    return {
        "dropped": 1.0 - len(shelf.memory) / len(shelf.sourced),
        "dropped_of_useful": rates["dropped_of_useful"],
        "hit_rate_kept": rates["kept"],
        "hit_rate_all": rates["all"],
        "hit_rate_searched": hits(forward).float().mean().item(),
    }
