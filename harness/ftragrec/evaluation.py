"""The referee: ranks of the targets over the whole catalogue.  No recipe can change it."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from harness.backbone.ranking import ranks_of_scores, target_ranks
from harness.data.split import Indices
from harness.ftragrec.candidates import AllItems, Candidates, without
from harness.ftragrec.forward import Forward
from harness.ftragrec.inputs import Inputs
from harness.ftragrec.shelf import Shelf
from harness.ftragrec.system import System
from harness.records import Ranks
from harness.schedules import Progress

CHUNK = 512
"""Queries scored at a time; a constant, since the width of a matrix product can decide its last bits."""

EVERYTHING = AllItems()


@torch.no_grad()
def ranks_with_retrieval(system: System, queries: Indices, *, shelf: Shelf, progress: Progress) -> Ranks:
    """Rank of the target of every query, scored from the enhanced vector, ``(n_queries,)`` int32.

    Source: FTragrec as found, data protocol and point 10.

    Args:
        system: retrieves and mixes.
        queries: prefix numbers.
        shelf: what may be retrieved.
        progress: the epoch, for scheduled values.
    """
    inputs = system.inputs
    ranks: list[Tensor] = []
    for start in range(0, len(queries), CHUNK):
        prefix = queries[start : start + CHUNK]
        forward = system.forward(
            sequence=inputs.encodings[torch.from_numpy(prefix)],
            prefix=prefix,
            shelf=shelf,
            progress=progress,
        )
        hidden = system.recipe.candidates.hidden(prefix, inputs)
        ranks.append(ranks_of_scores(without(hidden, _scores(shelf, forward, prefix)), forward.target - 1))
    return torch.cat(ranks).numpy()


def _scores(shelf: Shelf, forward: Forward, prefix: Indices) -> Tensor:
    """Of every item, ``(batch, n_items)``; not named by the caller, so that one chunk's go before the next come."""
    return shelf.scorer.scores(sequence=forward.sequence, enhanced=forward.enhanced, prefix=prefix)[:, 1:]


@torch.no_grad()
def ranks_without_retrieval(inputs: Inputs, queries: Indices, candidates: Candidates = EVERYTHING) -> Ranks:
    """Rank of the target of every query, scored from the backbone vector, ``(n_queries,)`` int32."""
    ranks: list[Ranks] = []
    for start in range(0, len(queries), CHUNK):
        prefix = queries[start : start + CHUNK]
        vectors, target = inputs.encodings[torch.from_numpy(prefix)], inputs.prefixes.target[prefix]
        hidden = candidates.hidden(prefix, inputs)
        if hidden is None:
            ranks.append(target_ranks(vectors, inputs.item_matrix, target))
        else:
            scores = without(hidden, vectors @ inputs.item_matrix[1:].T)
            ranks.append(ranks_of_scores(scores, torch.from_numpy(target) - 1).numpy())
    return np.concatenate(ranks)
