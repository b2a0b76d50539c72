"""Evaluation: the rank of every target, with and without retrieval.

A recipe decides how items are scored and which candidates may be recommended. It cannot change which targets count,
what a candidate is or how ties are ranked: the protocol fixes these.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from harness.backbones.ranking import ranks_of_scores
from harness.data.split import Indices
from harness.engine.live.history import hidden_by_protocol
from harness.engine.recommended import Recommended
from harness.engine.system import System
from harness.engine.types.inputs import Inputs
from harness.engine.types.snapshot import MemorySnapshot
from harness.recipe.schedules import Progress
from harness.recipe.seams.candidates import Candidates, hide
from harness.results.metrics.global_metric import Lists
from harness.results.record import Ranks

CHUNK = 512
"""Queries scored at a time; constant, because the size of a matrix product can change the last bits of its result."""


@torch.no_grad()
def ranks_with_retrieval(
    system: System,
    queries: Indices,
    *,
    snapshot: MemorySnapshot,
    progress: Progress,
    recommended: Recommended | None = None,
) -> Ranks:
    """Rank of every query's target, scored with retrieval, ``(n_queries,)`` int32.

    Source: FTragrec as published, data protocol and point 10.

    Args:
        system: the live system of the run.
        queries: prefix numbers.
        snapshot: the memory to retrieve from, with its scorer and reranker.
        progress: the epoch, for scheduled values.
        recommended: collects the recommended items; None: they are not collected.
    """

    def scores(prefix: Indices) -> Tensor:
        found = scores_with_retrieval(system, prefix, snapshot=snapshot, progress=progress)
        if recommended is not None:
            recommended.see(found, prefix)
        return found

    ranks: list[Tensor] = []
    for start in range(0, len(queries), CHUNK):
        prefix = queries[start : start + CHUNK]
        ranks.append(_ranks(scores(prefix), prefix, system.current))
    return torch.cat(ranks).numpy()


@torch.no_grad()
def ranks_without_retrieval(inputs: Inputs, queries: Indices, candidates: Candidates) -> Ranks:
    """Rank of every query's target among the candidates, by the backbone vector, ``(n_queries,)`` int32."""
    ranks: list[Tensor] = []
    for start in range(0, len(queries), CHUNK):
        prefix = queries[start : start + CHUNK]
        ranks.append(_ranks(_scores_without(inputs, prefix, candidates), prefix, inputs))
    return torch.cat(ranks).numpy()


@torch.no_grad()
def lists_without_retrieval(inputs: Inputs, queries: Indices, candidates: Candidates) -> Lists:
    """The items that the backbone vector recommends at every query, ``(n_queries, 10)`` int32."""
    recommended = Recommended(queries)
    for start in range(0, len(queries), CHUNK):
        prefix = queries[start : start + CHUNK]
        recommended.see(_scores_without(inputs, prefix, candidates), prefix)
    return recommended.lists


def _scores_without(inputs: Inputs, prefix: Indices, candidates: Candidates) -> Tensor:
    vectors = inputs.encodings[inputs.tensor(prefix)]
    scores = hide(candidates.hidden(prefix, inputs), vectors @ inputs.item_matrix[1:].T)
    return hide(hidden_by_protocol(prefix, inputs), scores)


@torch.no_grad()
def scores_with_retrieval(system: System, prefix: Indices, *, snapshot: MemorySnapshot, progress: Progress) -> Tensor:
    """Scores that rank the items for prefixes ``(batch,)``, hidden items behind all others, ``(batch, n_items)``."""
    return scores_of(system, forward_of(system, prefix, snapshot=snapshot, progress=progress), snapshot)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Vectors:
    """The vectors of a batch from which items are scored.

    Attributes:
        prefix: prefix numbers, ``(batch,)``.
        sequence: ``s``, ``(batch, d)``.
        enhanced: the enhanced vector, ``(batch, d)``; ``s`` if the scorer does not read it.
    """

    prefix: Indices
    sequence: Tensor
    enhanced: Tensor


def forward_of(system: System, prefix: Indices, *, snapshot: MemorySnapshot, progress: Progress) -> Vectors:
    """Vectors of prefixes ``(batch,)`` in evaluation; searches only if the scorer reads the enhanced vector."""
    sequence = system.current.encodings[system.current.tensor(prefix)]
    if not system.recipe.scorer.reads_enhanced:
        return Vectors(prefix=prefix, sequence=sequence, enhanced=sequence)
    forward = system.forward(sequence=sequence, prefix=prefix, snapshot=snapshot, progress=progress)
    return Vectors(prefix=prefix, sequence=sequence, enhanced=forward.enhanced)


def scores_of(system: System, forward: Vectors, snapshot: MemorySnapshot) -> Tensor:
    """Scores that rank the items for a batch, reranked, hidden items behind all others, ``(batch, n_items)``."""
    scores = scores_before_reranking(system, forward, snapshot)
    if snapshot.reranker is None:
        return scores
    return snapshot.reranker.reordered(
        scores, sequence=forward.sequence, enhanced=forward.enhanced, prefix=forward.prefix
    )


def scores_before_reranking(system: System, forward: Vectors, snapshot: MemorySnapshot) -> Tensor:
    """As :func:`scores_of`, but before reranking."""
    prefix, inputs = forward.prefix, system.current
    hidden = hidden_by_protocol(prefix, inputs)
    scores = snapshot.scorer.scores(sequence=forward.sequence, enhanced=forward.enhanced, prefix=prefix, hidden=hidden)
    return hide(hidden, hide(system.recipe.candidates.hidden(prefix, inputs), scores[:, 1:]))


def _ranks(scores: Tensor, prefix: Indices, inputs: Inputs) -> Tensor:
    """Ranks of the targets of prefixes, ``(batch,)`` int32.

    Args:
        scores: ``(batch, n_items)``, overwritten; callers keep no reference, so they are freed before the next batch.
    """
    return ranks_of_scores(scores, inputs.tensor(inputs.prefixes.target[prefix]) - 1)
