"""Log-likelihood of items and entropy under the scoring model's softmax over the whole catalogue."""

from __future__ import annotations

import math
from collections.abc import Iterator

import torch
from torch import Tensor

from harness.backbones.softmax import CHUNK_ROWS


@torch.no_grad()
def log_likelihood(hidden: Tensor, items: Tensor, targets: Tensor) -> Tensor:
    """``log softmax(hidden . items)[target]`` of every row, nats, ``(n,)`` float32, without a gradient.

    Args:
        hidden: ``(n, d)`` float32.
        items: ``(n_items + 1, d)`` float32; row 0 is padding and takes no part.
        targets: item number of each row, from 1, ``(n,)`` int64.
    """
    logs = torch.empty(len(hidden))
    for here, logits in _logits(hidden, items):
        own = logits.gather(1, targets[here].unsqueeze(1) - 1).squeeze(1)
        logs[here] = own - logits.exp_().sum(dim=1).log()
    return logs


@torch.no_grad()
def catalogue_entropy(hidden: Tensor, items: Tensor) -> Tensor:
    """Entropy of ``softmax(hidden . items)`` of every row, nats in [0, ln n_items], ``(n,)``, without a gradient.

    Args:
        hidden: ``(n, d)`` float32.
        items: ``(n_items + 1, d)`` float32; row 0 is padding and takes no part.
    """
    entropy = torch.empty(len(hidden))
    for here, logits in _logits(hidden, items):
        shares = logits.exp()
        total = shares.sum(dim=1)
        entropy[here] = total.log() - shares.mul_(logits).sum(dim=1) / total
    return entropy.clamp_(0.0, math.log(max(1, len(items) - 1)))


def _logits(hidden: Tensor, items: Tensor) -> Iterator[tuple[slice, Tensor]]:
    """Logits minus their row's maximum, a slice of rows at a time in a buffer that the next slice overwrites."""
    catalogue = items[1:].t()
    buffer = torch.empty(min(CHUNK_ROWS, len(hidden)), catalogue.shape[1])
    for first in range(0, len(hidden), CHUNK_ROWS):
        here = slice(first, first + CHUNK_ROWS)
        rows = hidden[here]
        logits = torch.mm(rows, catalogue, out=buffer[: len(rows)])
        yield here, logits.sub_(logits.amax(dim=1, keepdim=True))
