"""Claims 2 and 7: how far the retriever and the backbone have moved, and whether training fits what valid does not."""

from __future__ import annotations

import torch
from torch import Tensor

from harness.probes.past import Past
from harness.probes.sample import Moment, hits


def measure(moment: Moment, start: Past) -> dict[str, float]:
    """Closeness of ``R(s)`` to ``s``, drift from the start, and the hit rate of training less that of valid."""
    forward = moment.valid
    cosine = torch.nn.functional.cosine_similarity(forward.query, forward.sequence)
    return {
        "query_to_sequence": cosine.mean().item(),
        "hit_rate_train": hits(moment.train).float().mean().item(),
        "hit_rate_gap": (hits(moment.train).float().mean() - hits(forward).float().mean()).item(),
        "query_drift": 1.0 - torch.nn.functional.cosine_similarity(forward.query, start.query).mean().item(),
        "query_cka": linear_cka(forward.query, start.query),
        "backbone_drift": 1.0 - torch.nn.functional.cosine_similarity(forward.sequence, start.sequence).mean().item(),
        "backbone_cka": linear_cka(forward.sequence, start.sequence),
    }


def linear_cka(one: Tensor, two: Tensor) -> float:
    """Linear centred kernel alignment of two sets of vectors of the same queries, in [0, 1].

    Source: Kornblith et al., ICML 2019, section 3.
    """
    one, two = (each.double() - each.double().mean(dim=0) for each in (one, two))
    cross = (one.T @ two).norm() ** 2
    return (cross / ((one.T @ one).norm() * (two.T @ two).norm()).clamp(min=1e-12)).item()
