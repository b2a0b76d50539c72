"""Claim 10: are the neighbours' targets popular items, and how many distinct ones are there over all users?"""

from __future__ import annotations

import numpy as np
import torch

from harness.probes.sample import ProbeSample, clustered_error, found_targets, mean_where


def measure(sample: ProbeSample) -> dict[str, float]:
    """Measure the popularity lift and the number of distinct targets of the validation sample's neighbours.

    An item's popularity is how often it is a training target; the lift is its mean over neighbours divided by its mean
    over training targets. Distinct targets are compared with those of as many entries drawn at random.
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
