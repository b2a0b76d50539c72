"""The rank of a target in the whole catalogue, by the protocol's rule."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from harness.backbones.encoder import Encoder
from harness.data.history import HIDDEN, had_before
from harness.data.interactions import Interactions
from harness.data.split import Indices, Prefixes

CHUNK_QUERIES = 512


def ranks_of_queries(
    vectors: Tensor, item_matrix: Tensor, data: Interactions, prefixes: Prefixes, queries: Indices
) -> NDArray[np.int32]:
    """Rank of each query's target among the protocol's candidates, ``(n,)``; see :func:`target_ranks`.

    Args:
        vectors: query vectors, ``(n, d)`` float32.
        item_matrix: ``(n_items + 1, d)`` float32; row 0 is padding.
        data: the sequences.
        prefixes: the prefixes of ``data``, split by the protocol.
        queries: prefix numbers, ``(n,)``.
    """

    def hidden(here: slice) -> NDArray[np.bool_]:
        part = queries[here]
        return had_before(data, prefixes.user[part], prefixes.position[part])[:, 1:]

    return target_ranks(
        vectors, item_matrix, prefixes.target[queries], hidden if prefixes.protocol.hides_history else None
    )


def ranks_alone(model: Encoder, data: Interactions, prefixes: Prefixes, queries: Indices) -> NDArray[np.int32]:
    """Rank of each query's target without retrieval, laid out per user by :meth:`Prefixes.by_user`."""
    vectors = model.encode_some(data, prefixes, queries)
    return prefixes.by_user(ranks_of_queries(vectors, model.item_matrix, data, prefixes, queries), queries)


def valid_ranks(model: Encoder, data: Interactions, prefixes: Prefixes) -> NDArray[np.int32]:
    """Rank of each validation target without retrieval, laid out as in :func:`ranks_alone`."""
    return ranks_alone(model, data, prefixes, prefixes.valid)


def target_ranks(
    queries: Tensor,
    item_matrix: Tensor,
    targets: Tensor | NDArray[np.int64],
    hidden: Callable[[slice], NDArray[np.bool_]] | None = None,
) -> NDArray[np.int32]:
    """Return 1 + the number of other items that score at least as much as the target, ``(n,)``.

    Ties count against the target; padding is not counted. A target that is hidden, or whose score is NaN, ranks behind
    all other items.

    Args:
        queries: query vectors, ``(n, d)`` float32; a score is the dot product of query and item.
        item_matrix: ``(n_items + 1, d)`` float32; row 0 is padding.
        targets: item number of each query's target, from 1, ``(n,)``.
        hidden: slice of the queries -> which items are not candidates, ``(n_slice, n_items)``; None: all items are.
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
            if hidden is not None:
                part.masked_fill_(torch.as_tensor(hidden(here), device=part.device), HIDDEN)
            ranks[here] = ranks_of_scores(part, wanted[here])
    return ranks.numpy()


def ranks_of_scores(scores: Tensor, wanted: Tensor) -> Tensor:
    """Rank of each row's target by its score, ``(n,)`` int32, as in :func:`target_ranks`; overwrites ``scores``.

    Args:
        scores: ``(n, n_columns)`` float32, one column per item.
        wanted: column of each row's target, ``(n,)`` int64.
    """
    own = scores.gather(1, wanted.unsqueeze(1))
    # Count the scores *below*: the target itself, ties and NaN then count as at or above it. A float32 sum of ones and
    # zeros is exact up to 2**24, and several times faster than a sum of booleans.
    below = scores.lt_(own).sum(dim=1)
    return scores.shape[1] - below.to(torch.int32)
