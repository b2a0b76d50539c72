"""The rank of a target among the whole catalogue, by the protocol's rule."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

CHUNK_QUERIES = 512


def target_ranks(queries: Tensor, item_matrix: Tensor, targets: Tensor | NDArray[np.int64]) -> NDArray[np.int32]:
    """1 + the number of other items that score at least as much as the target, ``(n,)``.

    Ties count against the target; padding is no item; nothing is masked. A target whose score is not a number ranks
    behind all items.

    Args:
        queries: scored by their product with the items, ``(n, d)`` float32.
        item_matrix: ``(n_items + 1, d)`` float32; row 0 is padding.
        targets: item number of each query's target, from 1, ``(n,)``.
    """
    with torch.no_grad():
        wanted = torch.as_tensor(targets, dtype=torch.int64) - 1
        catalogue = item_matrix[1:].t()
        ranks = torch.empty(len(wanted), dtype=torch.int32)
        scores = torch.empty(min(CHUNK_QUERIES, len(wanted)), catalogue.shape[1])
        for first in range(0, len(wanted), CHUNK_QUERIES):
            here = slice(first, first + CHUNK_QUERIES)
            part = scores[: len(wanted[here])]
            torch.mm(queries[here], catalogue, out=part)
            ranks[here] = ranks_of_scores(part, wanted[here])
    return ranks.numpy()


def ranks_of_scores(scores: Tensor, wanted: Tensor) -> Tensor:
    """The same from scores, which are overwritten, ``(n,)`` int32.

    Args:
        scores: ``(n, n_columns)`` float32, one column an item.
        wanted: column of each row's target, ``(n,)`` int64.
    """
    own = scores.gather(1, wanted.unsqueeze(1))
    # Counting what is *below* leaves the target itself, ties and whatever cannot be compared at or above it. Ones and
    # zeros in float32 add up exactly to 2**24, and several times faster than booleans do.
    below = scores.lt_(own).sum(dim=1)
    return scores.shape[1] - below.to(torch.int32)
