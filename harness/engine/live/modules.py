"""Live, trainable parts, built by the specs of ``retriever`` and ``fusion``."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from harness.engine.types.retrieved import Retrieved

LAYER_NORM_EPS = 1e-12


def seeded_dropout(inputs: Tensor, rate: float, generator: torch.Generator | None) -> Tensor:
    """Inverted dropout that draws from ``generator``; no generator: evaluation, nothing is dropped."""
    if generator is None or rate == 0.0:
        return inputs
    kept = torch.rand(inputs.shape, generator=generator) >= rate
    return inputs * kept / (1.0 - rate)


class FeedForwardBlock(nn.Module):
    """``LN(x + dropout(W2 gelu(W1 x)))`` with an inner width of 4d."""

    def __init__(self, *, hidden_size: int, dropout: float) -> None:
        super().__init__()
        self.widen = nn.Linear(hidden_size, 4 * hidden_size)
        self.narrow = nn.Linear(4 * hidden_size, hidden_size)
        self.norm = nn.LayerNorm(hidden_size, eps=LAYER_NORM_EPS)
        self.dropout = dropout

    def forward(self, inputs: Tensor, generator: torch.Generator | None = None) -> Tensor:
        inner = self.narrow(nn.functional.gelu(self.widen(inputs)))
        return self.norm(inputs + seeded_dropout(inner, self.dropout, generator))


class FeedForwardEncoder(nn.Module):
    """The retriever R: ``(batch, d)`` backbone vectors to ``(batch, d)`` queries or keys."""

    def __init__(self, *, hidden_size: int, n_layers: int, dropout: float) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(FeedForwardBlock(hidden_size=hidden_size, dropout=dropout) for _ in range(n_layers))

    def forward(self, inputs: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """Encode; with a generator in training mode (dropout active), without one in evaluation mode."""
        hidden = inputs
        for block in self.blocks:
            hidden = block(hidden, generator)
        return hidden


class KnowledgeAlone(nn.Module):
    """The fused vector is the retrieved knowledge itself; the share does all the mixing."""

    def forward(self, retrieved: Retrieved, knowledge: Tensor, generator: torch.Generator | None = None) -> Tensor:
        return knowledge
