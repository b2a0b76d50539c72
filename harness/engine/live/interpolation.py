"""The live scorer that mixes probabilities instead of vectors, as kNN language models do."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from harness.data.split import Indices
from harness.engine.live.softmax import masked_softmax
from harness.engine.types.inputs import Inputs
from harness.engine.types.memory import Memory
from harness.engine.types.retrieved import Neighbours

Find = Callable[[Tensor, Indices], Neighbours]
"""Neighbours of prefixes ``(batch,)`` with backbone vectors ``s``, ``(batch, d)``."""


def memory_of_sequences(inputs: Inputs, entries: Indices) -> Memory:
    """A memory of those prefixes, ``(N,)``, whose keys are their clean ``s`` of length 1."""
    prefixes = inputs.prefixes
    return Memory(
        prefix=entries,
        user=prefixes.user[entries],
        position=prefixes.position[entries],
        target=inputs.tensor(prefixes.target[entries]),
        keys=torch.nn.functional.normalize(inputs.encodings[inputs.tensor(entries)], dim=1),
    )


class ProbabilityInterpolation:
    """Scores as ``logit_i + log(1 + l / (1 - l) knn_i / softmax_i)``, which orders items as the mixture does.

    The softmax is over the candidates: what the protocol hides takes no part of it.
    In this form an item that no neighbour names keeps its backbone logit bit for bit, and so does every item at l = 0.

    Args:
        share: l, the retrieved distribution's part, a fraction in [0, 1).
        temperature: of ``w_j = softmax_j(cosine_j / tau)``.
        item_matrix: item embeddings, ``(n_items + 1, d)``.
        memory: whose entries the neighbours are.
        find: the search.
    """

    def __init__(self, *, share: float, temperature: float, item_matrix: Tensor, memory: Memory, find: Find) -> None:
        self._share = share
        self._temperature = temperature
        self._item_matrix = item_matrix
        self.memory = memory
        self._find = find
        self._found: dict[bytes, Neighbours] = {}

    def finding(self, find: Find) -> ProbabilityInterpolation:
        """The same with another search."""
        return ProbabilityInterpolation(
            share=self._share,
            temperature=self._temperature,
            item_matrix=self._item_matrix,
            memory=self.memory,
            find=find,
        )

    def scores(self, *, sequence: Tensor, enhanced: Tensor, prefix: Indices, hidden: Tensor | None = None) -> Tensor:
        logits = sequence @ self._item_matrix.T
        if self._share == 0.0:
            return logits
        neighbours = self.neighbours(sequence, prefix)
        named = self.memory.target[neighbours.entry]
        knn = self._distribution(neighbours, n_columns=logits.shape[1]).gather(1, named)
        log_odds = math.log(self._share) - math.log1p(-self._share)
        logit = logits.gather(1, named)
        candidates = logits[:, 1:] if hidden is None else logits[:, 1:].masked_fill(hidden, -math.inf)
        log_softmax = logit - candidates.logsumexp(dim=1, keepdim=True)
        return logits.scatter(1, named, logit + torch.nn.functional.softplus(log_odds + knn.log() - log_softmax))

    def retrieved_distribution(self, sequence: Tensor, prefix: Indices, *, n_columns: int) -> Tensor:
        """``sum_j w_j [y_j = i]``, ``(batch, n_columns)``; all zeros without neighbours."""
        return self._distribution(self.neighbours(sequence, prefix), n_columns=n_columns)

    def _distribution(self, neighbours: Neighbours, *, n_columns: int) -> Tensor:
        weights = masked_softmax(neighbours.cosine / self._temperature, neighbours.mask)
        empty = torch.zeros(len(weights), n_columns)
        return empty.scatter_add(1, self.memory.target[neighbours.entry], weights)

    def neighbours(self, sequence: Tensor, prefix: Indices) -> Neighbours:
        """Neighbours of the prefixes; they never change, so each batch is searched once."""
        batch = np.ascontiguousarray(prefix).tobytes()
        if batch not in self._found:
            found = self._find(sequence, prefix)
            # The pool is several times the neighbours, and nothing here asks for it again.
            self._found[batch] = replace(found, pool_entry=found.entry, pool_mask=found.mask)
        return self._found[batch]
