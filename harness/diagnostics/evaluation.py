"""Claim 8: do training and evaluation retrieve alike, and what does retrieval add on the same weights?"""

from __future__ import annotations

from harness.diagnostics.moment import Moment


def measure(moment: Moment) -> dict[str, float]:
    """Share of the neighbours that training samples find in evaluation which they find in training as well."""
    noisy, clean = moment.noisy_training().neighbours, moment.train.neighbours
    same = (clean.entry[:, :, None] == noisy.entry[:, None]) & clean.mask[:, :, None] & noisy.mask[:, None]
    return {"train_eval_overlap": same.any(dim=2).sum().item() / max(int(clean.mask.sum()), 1)}
