"""One fine-tuning step of FTragrec as published, one prefix at a time.

Each step encodes its prefixes again with the frozen transformer and its dropout, applies the retriever, mixes in given
neighbours, and computes every term of the loss, whether or not it trains anything. The neighbours are given: their
search is measured elsewhere.

Written for the benchmark from the description only; a test compares loss and gradient with the product's.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, gelu

from benchmarks.peers.padded import PaddedEncoder, padded_histories
from harness.data.interactions import Interactions
from harness.data.split import Indices, Prefixes

TEMPERATURE = 0.07
SHARE = 0.15
ENHANCED_WEIGHT = 0.5
ALIGNMENT_WEIGHT = 0.03
EPSILON = 1e-8


class PlainRetriever(nn.Module):
    """A post-LayerNorm feed-forward block with an inner width of 4 d."""

    def __init__(self, width: int, dropout: float) -> None:
        super().__init__()
        self.widen = nn.Linear(width, 4 * width)
        self.narrow = nn.Linear(4 * width, width)
        self.norm = nn.LayerNorm(width, eps=1e-12)
        self.drop = nn.Dropout(dropout)

    def forward(self, states: Tensor) -> Tensor:
        return self.norm(states + self.drop(self.narrow(gelu(self.widen(states)))))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PlainFineTuning:
    """A retriever in training on top of a frozen encoder.

    Attributes:
        encoder: the frozen encoder; its dropout is active in training mode.
        retriever, optimizer: the trained model and its optimizer.
        data, prefixes: the data; its training prefixes are the samples.
        keys: keys of all entries, as stored in the memory, ``(N, d)``.
        key_target: target item of each entry, ``(N,)``.
        neighbours: entries for each training prefix, by its index in ``prefixes.train``, ``(n_train, k)``.
        by_retriever: whether the query of the mixing weights is ``R(s)`` instead of ``s``.
        max_length: maximum number of items in a history.
    """

    encoder: PaddedEncoder
    retriever: PlainRetriever
    optimizer: torch.optim.Optimizer
    data: Interactions
    prefixes: Prefixes
    keys: Tensor
    key_target: Tensor
    neighbours: Tensor
    by_retriever: bool
    max_length: int

    def loss(self, samples: Indices) -> Tensor:
        """``CE(s) + .5 CE(enhanced) + .03 KL(P_ret || P_rec)`` of training samples, by index, in nats."""
        numbers = self.prefixes.train[samples]
        items = self.encoder.item_embedding.weight
        states = self.encoder(*padded_histories(self.data, self.prefixes, numbers, self.max_length))
        query = self.retriever(states)
        found = self.neighbours[torch.from_numpy(samples)]
        keys, values = self.keys[found], items[self.key_target[found]]

        similarity = torch.einsum("bd,bkd->bk", query, keys)
        asked = similarity if self.by_retriever else torch.einsum("bd,bkd->bk", states, keys)
        knowledge = torch.einsum("bk,bkd->bd", (asked / TEMPERATURE).softmax(dim=1), values)
        enhanced = (1 - SHARE) * states + SHARE * knowledge

        target = torch.from_numpy(self.prefixes.target[numbers])
        p_ret = (similarity / TEMPERATURE).softmax(dim=1)
        mixed = (1 - SHARE) * states[:, None] + SHARE * values
        affinity = torch.einsum("bkd,bd->bk", mixed, items[target]).sigmoid()
        p_rec = affinity / affinity.sum(dim=1, keepdim=True)
        divergence = ((p_ret + EPSILON) * ((p_ret + EPSILON) / (p_rec + EPSILON)).log()).sum(dim=1)

        def catalogue(hidden: Tensor) -> Tensor:
            return cross_entropy(hidden @ items[1:].t(), target - 1)

        return catalogue(states) + ENHANCED_WEIGHT * catalogue(enhanced) + ALIGNMENT_WEIGHT * divergence.mean()

    def step(self, samples: Indices) -> None:
        """Train on one batch."""
        self.optimizer.zero_grad()
        self.loss(samples).backward()
        self.optimizer.step()
