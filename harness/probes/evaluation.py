"""Claim 8: do training and evaluation retrieve alike, and what does retrieval add on the same weights?"""

from __future__ import annotations

from harness.probes.sample import Moment
from harness.results.record import EpochPoint


def measure(moment: Moment) -> dict[str, float]:
    """Share of the neighbours that training samples find in evaluation which they find in training as well."""
    noisy, clean = (each.neighbours for each in moment.noisy_training())
    same = (clean.entry[:, :, None] == noisy.entry[:, None]) & clean.mask[:, :, None] & noisy.mask[:, None]
    return {"train_eval_overlap": same.any(dim=2).sum().item() / max(int(clean.mask.sum()), 1)}


def on_and_off(moment: Moment, point: EpochPoint) -> dict[str, float]:
    """The metric that chooses the checkpoint, over all valid users, with retrieval and without on the same weights.

    ``first_off`` is the backbone as loaded, before any training.
    """
    metric = moment.run.recipe.checkpoint.metric
    on, off = (figures.get(metric, float("nan")) for figures in (point.valid_on, point.valid_off))
    return {"valid_on": on, "valid_off": off, "first_off": moment.run.curve[0].valid_off[metric]}
