"""The referee: the rank of every target.

A recipe decides what is scored and which candidates may be recommended, never which targets count, what a candidate is
or how ties are ranked: these are the protocol's.
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
"""Queries scored at a time; a constant, since the width of a matrix product can decide its last bits."""


@torch.no_grad()
def ranks_with_retrieval(
    system: System,
    queries: Indices,
    *,
    snapshot: MemorySnapshot,
    progress: Progress,
    recommended: Recommended | None = None,
) -> Ranks:
    """Rank of the target of every query, scored from the enhanced vector, ``(n_queries,)`` int32.

    Source: FTragrec as found, data protocol and point 10.

    Args:
        system: retrieves and mixes.
        queries: prefix numbers.
        snapshot: what may be retrieved.
        progress: the epoch, for scheduled values.
        recommended: shown the scores.
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
    """Rank of the target of every query among the candidates by the backbone vector, ``(n_queries,)`` int32."""
    ranks: list[Tensor] = []
    for start in range(0, len(queries), CHUNK):
        prefix = queries[start : start + CHUNK]
        ranks.append(_ranks(_scores_without(inputs, prefix, candidates), prefix, inputs))
    return torch.cat(ranks).numpy()


@torch.no_grad()
def lists_without_retrieval(inputs: Inputs, queries: Indices, candidates: Candidates) -> Lists:
    """The items recommended at every query by the backbone vector, ``(n_queries, 10)`` int32."""
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
    """Scores by which prefixes ``(batch,)`` are ranked, with hidden items behind all others, ``(batch, n_items)``."""
    return scores_of(system, forward_of(system, prefix, snapshot=snapshot, progress=progress), snapshot)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Vectors:
    """What prefixes are scored from.

    Attributes:
        prefix: prefix numbers, ``(batch,)``.
        sequence: ``s``, ``(batch, d)``.
        enhanced: the enhanced vector, ``(batch, d)``; ``s`` where the scorer does not read it.
    """

    prefix: Indices
    sequence: Tensor
    enhanced: Tensor


def forward_of(system: System, prefix: Indices, *, snapshot: MemorySnapshot, progress: Progress) -> Vectors:
    """Vectors of prefixes ``(batch,)`` in evaluation; only a scorer that reads the enhanced one has it searched for."""
    sequence = system.current.encodings[system.current.tensor(prefix)]
    if not system.recipe.scorer.reads_enhanced:
        return Vectors(prefix=prefix, sequence=sequence, enhanced=sequence)
    forward = system.forward(sequence=sequence, prefix=prefix, snapshot=snapshot, progress=progress)
    return Vectors(prefix=prefix, sequence=sequence, enhanced=forward.enhanced)


def scores_of(system: System, forward: Vectors, snapshot: MemorySnapshot) -> Tensor:
    """Scores by which a batch is ranked, with hidden items behind all others, ``(batch, n_items)``."""
    scores = scores_before_reranking(system, forward, snapshot)
    if snapshot.reranker is None:
        return scores
    return snapshot.reranker.reordered(
        scores, sequence=forward.sequence, enhanced=forward.enhanced, prefix=forward.prefix
    )


def scores_before_reranking(system: System, forward: Vectors, snapshot: MemorySnapshot) -> Tensor:
    """The same by the scorer alone."""
    prefix, inputs = forward.prefix, system.current
    hidden = hidden_by_protocol(prefix, inputs)
    scores = snapshot.scorer.scores(sequence=forward.sequence, enhanced=forward.enhanced, prefix=prefix, hidden=hidden)
    return hide(hidden, hide(system.recipe.candidates.hidden(prefix, inputs), scores[:, 1:]))


def _ranks(scores: Tensor, prefix: Indices, inputs: Inputs) -> Tensor:
    """Of the targets of prefixes, ``(batch,)`` int32.

    Args:
        scores: ``(batch, n_items)``, overwritten; no caller names them, so that they go before the next batch's come.
    """
    return ranks_of_scores(scores, inputs.tensor(inputs.prefixes.target[prefix]) - 1)
