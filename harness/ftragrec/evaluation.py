"""The referee: ranks of the targets over the whole catalogue.  No recipe can change it."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor

from harness.data.interactions import PADDING
from harness.data.split import Indices
from harness.ftragrec.memory import Memory
from harness.ftragrec.search import LiveIndex
from harness.ftragrec.system import Inputs, System
from harness.metrics import METRICS, metric_values
from harness.records import Ranks
from harness.schedules import Progress

CHUNK = 512
"""Queries scored at a time; a constant, since the width of a matrix product can decide its last bits."""


def target_ranks(scores: Tensor, target: Tensor) -> Tensor:
    """1 + the number of other items that score at least as high as the target, ``(batch,)`` int32.

    Ties count against the target; the padding column is left out.  Source: FTragrec as found, data protocol.

    Args:
        scores: float32, padding in column 0, ``(batch, n_items + 1)``.
        target: item numbers from 1, ``(batch,)``.
    """
    own = scores.gather(1, target[:, None])
    at_least = (scores >= own).sum(dim=1) - (scores[:, PADDING] >= own[:, 0]).long()
    return at_least.to(torch.int32)


@torch.no_grad()
def ranks_with_retrieval(
    system: System, queries: Indices, *, memory: Memory, index: LiveIndex, progress: Progress
) -> Ranks:
    """Rank of the target of every query, scored from the enhanced vector, ``(n_queries,)`` int32.

    Args:
        queries: prefix numbers.
    """
    inputs = system.inputs
    ranks: list[Tensor] = []
    for start in range(0, len(queries), CHUNK):
        prefix = queries[start : start + CHUNK]
        forward = system.forward(
            sequence=inputs.encodings[torch.from_numpy(prefix)],
            prefix=prefix,
            memory=memory,
            index=index,
            progress=progress,
        )
        scores = system.recipe.scorer.scores(forward.enhanced, inputs.item_matrix)
        ranks.append(target_ranks(scores, forward.target))
    return torch.cat(ranks).numpy()


@torch.no_grad()
def ranks_without_retrieval(inputs: Inputs, queries: Indices) -> Ranks:
    """Rank of the target of every query, scored from the backbone vector, ``(n_queries,)`` int32."""
    target = torch.from_numpy(inputs.prefixes.target)
    ranks: list[Tensor] = []
    for start in range(0, len(queries), CHUNK):
        prefix = torch.from_numpy(queries[start : start + CHUNK])
        ranks.append(target_ranks(inputs.encodings[prefix] @ inputs.item_matrix.T, target[prefix]))
    return torch.cat(ranks).numpy()


def mean_metrics(ranks: Ranks) -> Mapping[str, float]:
    """Every metric's mean over the users."""
    return {name: float(np.mean(metric_values(ranks, name))) for name in METRICS}
