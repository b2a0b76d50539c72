"""Contrastive losses on the retriever."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy, normalize


def same_target_info_nce(query: Tensor, key: Tensor, target: Tensor, temperature: float) -> Tensor:
    """InfoNCE of cosines: each query's key against the keys of samples with other targets, mean in nats, ``()``.

    Args:
        query, key: of the same samples, ``(n, d)``.
        target: their items, ``(n,)``; keys of other samples with the same item are not negatives.
        temperature: divides the cosines.

    Source: seed 7.3; van den Oord et al., arXiv 1807.03748, eq. 4.
    """
    logits = normalize(query, dim=1) @ normalize(key, dim=1).T / temperature
    own = torch.eye(len(target), dtype=torch.bool)
    same = (target[:, None] == target[None]) & ~own
    return cross_entropy(logits.masked_fill(same, -math.inf), torch.arange(len(target)))
