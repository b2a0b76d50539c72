"""Claim 6, and what lies under it: are the attention's logits so large that temperature does nothing?"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from harness.engine.live.softmax import masked_softmax
from harness.probes.sample import Moment, mean_where

SWEEP = (0.05, 0.07, 0.1, 0.15, 0.2, 0.5, 1.0, 5.0, 20.0)
"""Temperatures that the attention of fixed weights is tried at."""


def measure(moment: Moment) -> dict[str, float]:
    """How spread the attention is over the neighbours of valid queries, now and at other temperatures."""
    forward, recipe = moment.valid, moment.run.recipe
    several = forward.neighbours.count >= 2
    with torch.no_grad():
        asked = recipe.attention_query.choose(forward.sequence, forward.query)
        similarity = recipe.similarity(asked, forward.keys)
    mask = forward.neighbours.mask
    highest = similarity.where(mask, -math.inf).amax(dim=1)
    lowest = similarity.where(mask, math.inf).amin(dim=1)
    tau = forward.temperature
    tau = tau.squeeze(1) if isinstance(tau, Tensor) else torch.full_like(highest, tau)
    figures = {
        "logit_range": mean_where((highest - lowest) / tau, several),
        "top_share": mean_where(forward.attention.amax(dim=1), several),
        "effective_neighbours": mean_where(effective(forward.attention), several),
        "tau": tau.mean().item(),
    }
    for swept in SWEEP:
        attention = masked_softmax(similarity / swept, mask)
        figures[f"effective_neighbours.at_{swept:g}"] = mean_where(effective(attention), several)
    return figures


def effective(attention: Tensor) -> Tensor:
    """Effective number of neighbours, the exponential of the entropy, from 1 to k, ``(batch,)``."""
    return (-torch.special.xlogy(attention, attention).sum(dim=1)).exp()
