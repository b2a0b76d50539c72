"""Claim 10: do the neighbours lead to the popular items, and to how many over all users?"""

from __future__ import annotations

import numpy as np
import torch

from harness.probes.sample import ProbeSample, clustered_error, found_targets, mean_where


def measure(sample: ProbeSample) -> dict[str, float]:
    """Popularity lift of the items that the validation sample's neighbours lead to, and how many distinct ones.

    An item's popularity is how often it is a training target; the lift is its mean over neighbours, relative to its
    mean over training targets. Distinct items are set against those that as many entries drawn at random lead to.
    """
    prefixes, n_items = sample.current.prefixes, sample.current.data.n_items
    events = np.bincount(prefixes.target[prefixes.train], minlength=n_items + 1).astype(np.float64)
    lift = torch.as_tensor(events * events.sum() / np.square(events).sum())
    found, mask = found_targets(sample.valid), sample.valid.neighbours.mask
    n_found = int(mask.sum())
    entries = np.bincount(sample.valid.retrieved.memory.target.numpy(), minlength=n_items + 1)
    by_chance = (1.0 - (1.0 - entries / entries.sum()) ** n_found).sum()
    return {
        "index.popularity_lift": mean_where(lift[found], mask),
        "index.popularity_lift_error": clustered_error(lift[found], mask),
        "index.distinct_overall": float(len(np.unique(found[mask].numpy()))),
        "index.distinct_by_chance": float(by_chance),
    }
