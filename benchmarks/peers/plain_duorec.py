"""One training step of DuoRec as published, one prefix at a time: three passes and two full matrices of logits.

Written for the benchmark from the paper only, without code of the public implementation. It represents the algorithm,
not that implementation, which does more.

Source: Qiu et al., WSDM 2022: eq. 2 (next-item loss over the whole catalogue), eqs. 8 to 11 (contrast of a sequence's
dropout view with a sequence that has the same target).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from benchmarks.peers.padded import PaddedEncoder, padded_histories
from harness.data.interactions import Interactions
from harness.data.split import Indices, Prefixes


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PlainDuoRec:
    """A model in training.

    Attributes:
        encoder, optimizer: the trained model and its optimizer.
        data, prefixes: the data; its training prefixes are the samples.
        weight: weight of the contrastive term; 0 omits the term and both its passes.
        temperature: temperature of the contrastive term.
        max_length: maximum number of items in a history.
    """

    encoder: PaddedEncoder
    optimizer: torch.optim.Optimizer
    data: Interactions
    prefixes: Prefixes
    weight: float
    temperature: float
    max_length: int

    def loss(self, numbers: Indices, rng: np.random.Generator) -> Tensor:
        """The loss of a batch of prefixes, in nats."""
        history, length = padded_histories(self.data, self.prefixes, numbers, self.max_length)
        states = self.encoder(history, length)
        logits = states @ self.encoder.item_embedding.weight[1:].t()
        loss = cross_entropy(logits, torch.from_numpy(self.prefixes.target[numbers]) - 1)
        if self.weight == 0.0:
            return loss
        view = self.encoder(history, length)
        other = self.encoder(*padded_histories(self.data, self.prefixes, self.partners(numbers, rng), self.max_length))
        return loss + self.weight * contrast(view, other, self.temperature)

    def partners(self, numbers: Indices, rng: np.random.Generator) -> Indices:
        """For each prefix, a training prefix with the same target, possibly itself."""
        grouped, target = self.prefixes.partners, self.prefixes.target[numbers]
        return grouped.listed[grouped.first[target] + rng.integers(grouped.size[target])]

    def step(self, numbers: Indices, rng: np.random.Generator) -> None:
        """Train on one batch."""
        self.optimizer.zero_grad()
        self.loss(numbers, rng).backward()
        self.optimizer.step()


def contrast(one: Tensor, other: Tensor, temperature: float) -> Tensor:
    """InfoNCE over ``2 B`` views, each with one positive and ``2 B - 2`` negatives, in nats."""
    n = len(one)
    views = torch.cat([one, other])
    similarity = views @ views.t() / temperature
    positive = torch.cat([similarity.diagonal(n), similarity.diagonal(-n)])[:, None]
    own = torch.eye(n, dtype=torch.bool).repeat(2, 2)
    negative = similarity[~own].view(2 * n, 2 * n - 2)
    return cross_entropy(torch.cat([positive, negative], dim=1), torch.zeros(2 * n, dtype=torch.int64))
