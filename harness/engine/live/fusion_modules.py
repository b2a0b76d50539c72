"""Live fusions that weigh ``s`` and the knowledge per sample, per dimension or by attention."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn.functional import gelu, normalize

from harness.engine.live.modules import LAYER_NORM_EPS, FeedForwardBlock, seeded_dropout
from harness.engine.live.softmax import masked_softmax

if TYPE_CHECKING:
    from harness.engine.types.retrieved import Neighbours, Retrieved

BASE_ALPHA = 0.15
"""Initial value of a learned alpha: the base's share."""

ROOM = 0.9
"""A learned alpha starts at no more than this fraction of its maximum; beyond it, a sigmoid hardly moves."""

N_STATISTICS = 4


class ConstantStart(nn.Linear):
    """A linear layer whose output is constant until it is trained."""

    def __init__(self, n_inputs: int, n_outputs: int, *, output: float) -> None:
        super().__init__(n_inputs, n_outputs)
        self._output = output

    def initialise(self, generator: torch.Generator) -> None:
        nn.init.zeros_(self.weight)
        nn.init.constant_(self.bias, self._output)


class SimilarityAlpha(nn.Module):
    """``s + alpha_i (knowledge - s)`` with ``alpha_i = sigmoid(mean_j cos_ij / T) x max``; no parameters."""

    def __init__(self, *, maximum: float, temperature: float) -> None:
        super().__init__()
        self._maximum = maximum
        self._temperature = temperature

    def alpha(self, retrieved: Retrieved) -> Tensor:
        """Share of the knowledge, ``(batch, 1)``."""
        mean = retrieved.neighbours.mean_cosine[:, None]
        return self._maximum * (mean / self._temperature).sigmoid()

    def forward(self, retrieved: Retrieved, knowledge: Tensor, generator: torch.Generator | None = None) -> Tensor:
        return retrieved.sequence.lerp(knowledge, self.alpha(retrieved))


class NetAlpha(nn.Module):
    """As :class:`SimilarityAlpha`, with alpha from a small network; every sample starts at the base's alpha."""

    def __init__(self, *, hidden_size: int, n_hidden: int, maximum: float) -> None:
        super().__init__()
        start = min(BASE_ALPHA, ROOM * maximum) / maximum
        self.read = nn.Linear(2 * hidden_size + N_STATISTICS, n_hidden)
        self.judge = ConstantStart(n_hidden, 1, output=math.log(start / (1.0 - start)))
        self._maximum = maximum

    def alpha(self, retrieved: Retrieved, knowledge: Tensor) -> Tensor:
        """Share of the knowledge, ``(batch, 1)``, in (0, max)."""
        seen = torch.cat(
            [
                normalize(retrieved.sequence, dim=1),
                normalize(knowledge, dim=1),
                similarity_statistics(retrieved.neighbours),
            ],
            dim=1,
        )
        return self._maximum * self.judge(gelu(self.read(seen))).sigmoid()

    def forward(self, retrieved: Retrieved, knowledge: Tensor, generator: torch.Generator | None = None) -> Tensor:
        return retrieved.sequence.lerp(knowledge, self.alpha(retrieved, knowledge))


class DimensionGate(nn.Module):
    """``s + gate * (knowledge - s)``, one gate per dimension: ``sigmoid(W [s ; knowledge] + b)``; W starts at zero."""

    def __init__(self, *, hidden_size: int, bias: float) -> None:
        super().__init__()
        self.logits = ConstantStart(2 * hidden_size, hidden_size, output=bias)

    def gate(self, sequence: Tensor, knowledge: Tensor) -> Tensor:
        """Share of the knowledge in each dimension, ``(batch, d)``, in (0, 1)."""
        return self.logits(torch.cat([sequence, knowledge], dim=1)).sigmoid()

    def forward(self, retrieved: Retrieved, knowledge: Tensor, generator: torch.Generator | None = None) -> Tensor:
        return retrieved.sequence.lerp(knowledge, self.gate(retrieved.sequence, knowledge))


class NeighbourAttention(nn.Module):
    """``s`` attends to its neighbours: keys are their sequence vectors, values their targets' embeddings.

    ``h = LN(s + dropout(attention))``, then a feed-forward block ``LN(h + dropout(FFN(h)))``.
    """

    def __init__(self, *, hidden_size: int, n_heads: int, dropout: float) -> None:
        super().__init__()
        self.ask = nn.Linear(hidden_size, hidden_size)
        self.key = nn.Linear(hidden_size, hidden_size)
        self.value = nn.Linear(hidden_size, hidden_size)
        self.merge = nn.Linear(hidden_size, hidden_size)
        self.norm = nn.LayerNorm(hidden_size, eps=LAYER_NORM_EPS)
        self.feed_forward = FeedForwardBlock(hidden_size=hidden_size, dropout=dropout)
        self._n_heads = n_heads
        self._dropout = dropout

    def attention(self, retrieved: Retrieved) -> Tensor:
        """Weights of the neighbours, ``(batch, heads, k)``; rows sum to 1, or to 0 without neighbours."""
        neighbours = retrieved.neighbours
        ask, key = self._by_head(self.ask(retrieved.sequence)), self._by_head(self.key(retrieved.histories))
        logits = torch.einsum("bhc,bkhc->bhk", ask, key) / math.sqrt(ask.shape[-1])
        mask = neighbours.mask.repeat_interleave(self._n_heads, dim=0)
        return masked_softmax(logits.flatten(0, 1), mask).view_as(logits)

    def forward(self, retrieved: Retrieved, knowledge: Tensor, generator: torch.Generator | None = None) -> Tensor:
        value = self._by_head(self.value(retrieved.target_embeddings))
        heard = torch.einsum("bhk,bkhc->bhc", self.attention(retrieved), value).flatten(1)
        hidden = self.norm(retrieved.sequence + seeded_dropout(self.merge(heard), self._dropout, generator))
        return self.feed_forward(hidden, generator)

    def _by_head(self, vectors: Tensor) -> Tensor:
        """``(..., d)`` as ``(..., heads, d / heads)``."""
        return vectors.unflatten(-1, (self._n_heads, -1))


def similarity_statistics(neighbours: Neighbours) -> Tensor:
    """Mean, maximum and standard deviation of a sample's cosines, and the fraction of k that exists, ``(batch, 4)``.

    All four are 0 for a sample without neighbours.
    """
    count = neighbours.count.clamp(min=1)
    mean = neighbours.mean_cosine
    highest = neighbours.cosine.where(neighbours.mask, -1.0).amax(dim=1).where(neighbours.any, 0.0)
    deviation = (neighbours.cosine - mean[:, None]).where(neighbours.mask, 0.0)
    spread = (deviation.square().sum(dim=1) / count).sqrt()
    present = neighbours.count / neighbours.mask.shape[1]
    return torch.stack([mean, highest, spread, present], dim=1)
