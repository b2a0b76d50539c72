"""The live scorer that mixes probabilities instead of vectors, as kNN language models do."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from harness.data.split import Indices
from harness.ftragrec.attention import masked_softmax
from harness.ftragrec.index import Flat
from harness.ftragrec.inputs import Inputs
from harness.ftragrec.memory import Memory
from harness.ftragrec.retrieved import Neighbours
from harness.ftragrec.search import Exclusion, NeighbourSearch, Stage

if TYPE_CHECKING:
    from harness.ftragrec.scorer import Interpolate


class ProbabilityInterpolation:
    """Scores as ``logit_i + log(1 + l / (1 - l) knn_i / softmax_i)``, which orders items as the mixture does.

    In this form an item that no neighbour names keeps its backbone logit bit for bit, and so does every item at l = 0.
    """

    def __init__(self, spec: Interpolate, inputs: Inputs, entries: Indices, exclusion: Exclusion) -> None:
        self._spec = spec
        self._inputs = inputs
        prefixes = inputs.prefixes
        self._memory = Memory(
            prefix=entries,
            user=prefixes.user[entries],
            position=prefixes.position[entries],
            target=torch.from_numpy(prefixes.target[entries]),
            keys=torch.nn.functional.normalize(inputs.encodings[torch.from_numpy(entries)], dim=1),
        )
        self._index = Flat().build(self._memory, inputs, seed=0)
        self._search = NeighbourSearch(exclusion=exclusion, filters=(), selection=spec.selection)
        self._found: dict[bytes, Neighbours] = {}

    def scores(self, *, sequence: Tensor, enhanced: Tensor, prefix: Indices) -> Tensor:
        logits = sequence @ self._inputs.item_matrix.T
        if self._spec.share == 0.0:
            return logits
        neighbours = self.neighbours(sequence, prefix)
        named = self._memory.target[neighbours.entry]
        knn = self._distribution(neighbours, n_columns=logits.shape[1]).gather(1, named)
        log_odds = math.log(self._spec.share) - math.log1p(-self._spec.share)
        logit = logits.gather(1, named)
        log_softmax = logit - logits[:, 1:].logsumexp(dim=1, keepdim=True)
        return logits.scatter(1, named, logit + torch.nn.functional.softplus(log_odds + knn.log() - log_softmax))

    def retrieved_distribution(self, sequence: Tensor, prefix: Indices, *, n_columns: int) -> Tensor:
        """``sum_j w_j [y_j = i]``, ``(batch, n_columns)``; all zeros without neighbours."""
        return self._distribution(self.neighbours(sequence, prefix), n_columns=n_columns)

    def _distribution(self, neighbours: Neighbours, *, n_columns: int) -> Tensor:
        weights = masked_softmax(neighbours.cosine / self._spec.temperature, neighbours.mask)
        empty = torch.zeros(len(weights), n_columns)
        return empty.scatter_add(1, self._memory.target[neighbours.entry], weights)

    def neighbours(self, sequence: Tensor, prefix: Indices) -> Neighbours:
        """Neighbours of the prefixes; they never change, so each batch is searched once."""
        batch = np.ascontiguousarray(prefix).tobytes()
        if batch not in self._found:
            found = self._search(
                index=self._index,
                memory=self._memory,
                inputs=self._inputs,
                query=sequence,
                sequence=sequence,
                prefix=prefix,
                stage=Stage.EVAL,
            )
            # The pool is several times the neighbours, and nothing here asks for it again.
            self._found[batch] = replace(found, pool_entry=found.entry, pool_mask=found.mask)
        return self._found[batch]
