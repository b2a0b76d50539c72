"""How likely the backbone holds an item to be, over the whole catalogue.

Apart from ``softmax.py``, whose text is part of the key of every trained backbone.
"""

from __future__ import annotations

import torch
from torch import Tensor

from harness.backbone.softmax import CHUNK_ROWS


@torch.no_grad()
def log_likelihood(hidden: Tensor, items: Tensor, targets: Tensor) -> Tensor:
    """``log softmax(hidden . items)[target]`` of every row, nats, ``(n,)`` float32, without a gradient.

    Args:
        hidden: ``(n, d)`` float32.
        items: ``(n_items + 1, d)`` float32; row 0 is padding and takes no part.
        targets: item number of each row, from 1, ``(n,)`` int64.
    """
    catalogue = items[1:]
    logs = torch.empty(len(hidden))
    buffer = torch.empty(min(CHUNK_ROWS, len(hidden)), len(catalogue))
    for first in range(0, len(hidden), CHUNK_ROWS):
        here = slice(first, first + CHUNK_ROWS)
        logits = torch.mm(hidden[here], catalogue.t(), out=buffer[: len(hidden[here])])
        wanted = logits.gather(1, targets[here].unsqueeze(1) - 1).squeeze(1)
        logs[here] = wanted - logits.logsumexp(dim=1)
    return logs
