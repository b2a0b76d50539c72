"""Modules whose mistake no pass over their first weights in eval mode shows, and two that only look mistaken."""

from __future__ import annotations

import random
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor, nn

from tests.backbones.batched.modules import GRU


class GatedFuture(GRU):
    """Every state reads the last item, by a weight that starts as zero."""

    def __init__(self, n_items: int, width: int, dropout: float) -> None:
        super().__init__(n_items, width, dropout)
        self.gate = nn.Parameter(torch.zeros(1))

    def states(self, items: Tensor, lengths: Tensor) -> Tensor:
        states = super().states(items, lengths)
        return states + self.gate * states[torch.arange(len(items)), lengths - 1].unsqueeze(1)


class OneSided(GatedFuture):
    """The same, by a weight that opens in one direction only."""

    def states(self, items: Tensor, lengths: Tensor) -> Tensor:
        states = GRU.states(self, items, lengths)
        return states + self.gate.relu() * states[torch.arange(len(items)), lengths - 1].unsqueeze(1)


class OtherSided(GatedFuture):
    """The same, by a weight that opens in the other direction only."""

    def states(self, items: Tensor, lengths: Tensor) -> Tensor:
        states = GRU.states(self, items, lengths)
        return states + (-self.gate).relu() * states[torch.arange(len(items)), lengths - 1].unsqueeze(1)


class GatedOutput(GRU):
    """The same, by a projection that starts as zeros."""

    def __init__(self, n_items: int, width: int, dropout: float) -> None:
        super().__init__(n_items, width, dropout)
        self.project = nn.Linear(width, width)
        nn.init.zeros_(self.project.weight)
        nn.init.zeros_(self.project.bias)

    def states(self, items: Tensor, lengths: Tensor) -> Tensor:
        states = super().states(items, lengths)
        return states + self.project(states[torch.arange(len(items)), lengths - 1]).unsqueeze(1)


class GatedPadding(GRU):
    """A mean over padding too, by a weight that starts as zero."""

    def __init__(self, n_items: int, width: int, dropout: float) -> None:
        super().__init__(n_items, width, dropout)
        self.gate = nn.Parameter(torch.zeros(()))

    def forward(self, items: Tensor, lengths: Tensor) -> Tensor:
        return super().forward(items, lengths) + self.gate * self.states(items, lengths).mean(dim=1)


class DrawnByNumpy(GRU):
    def __init__(self, n_items: int, width: int, dropout: float) -> None:
        super().__init__(n_items, width, dropout)
        with torch.no_grad():
            self.out.weight.copy_(torch.as_tensor(np.random.default_rng().normal(size=(width, width))))


class BufferByPython(GRU):
    def __init__(self, n_items: int, width: int, dropout: float) -> None:
        super().__init__(n_items, width, dropout)
        self.register_buffer("scale", torch.tensor(random.random()))


class DropsByNumpy(GRU):
    def forward(self, items: Tensor, lengths: Tensor) -> Tensor:
        vectors = super().forward(items, lengths)
        if not self.training:
            return vectors
        return vectors * torch.as_tensor(np.random.default_rng().random(vectors.shape) > 0.2).float()


class Counts(GRU):
    """What it counts is in no file, so that a training that goes on would begin to count anew."""

    steps: int = 0

    def forward(self, items: Tensor, lengths: Tensor) -> Tensor:
        self.steps += self.training
        return super().forward(items, lengths) * (1.0 + 0.1 * self.steps)


class MovesBuffer(GRU):
    seen: Tensor

    def __init__(self, n_items: int, width: int, dropout: float) -> None:
        super().__init__(n_items, width, dropout)
        self.register_buffer("seen", torch.zeros(()))

    def forward(self, items: Tensor, lengths: Tensor) -> Tensor:
        if self.training:
            self.seen.add_(random.random())
        return super().forward(items, lengths)


class EvalOnly(GRU):
    def __init__(self, n_items: int, width: int, dropout: float) -> None:
        super().__init__(n_items, width, dropout)
        self.calibrate = nn.Linear(width, width)

    def forward(self, items: Tensor, lengths: Tensor) -> Tensor:
        vectors = super().forward(items, lengths)
        return vectors if self.training else self.calibrate(vectors)


class OneMemory(GRU):
    def __init__(self, n_items: int, width: int, dropout: float) -> None:
        super().__init__(n_items, width, dropout)
        places = torch.arange(8)
        self.register_buffer("places", places)
        self.register_buffer("first_places", places[2:4])


class Expanded(GRU):
    def __init__(self, n_items: int, width: int, dropout: float) -> None:
        super().__init__(n_items, width, dropout)
        self.register_buffer("ones", torch.ones(1).expand(8))


class EmbeddingsAlone(nn.Module):
    """The last item's own vector: no part of it is a block."""

    has_blocks: ClassVar[bool] = False

    def __init__(self, n_items: int, width: int, dropout: float) -> None:
        super().__init__()
        self.item_embedding = nn.Embedding(n_items + 1, width, padding_idx=0)
        self.dropout = nn.Dropout(dropout)
        self.scale = nn.Parameter(torch.ones(width))

    def forward(self, items: Tensor, lengths: Tensor) -> Tensor:
        return self.dropout(self.item_embedding(items[torch.arange(len(items)), lengths - 1])) * self.scale


class Wider(GRU):
    """Items wider than ``hidden_size``."""

    def __init__(self, n_items: int, width: int, dropout: float) -> None:
        super().__init__(n_items, width + 8, dropout)


class KeepsStates(GRU):
    """No mistake: it remembers its last states, which no deep copy can hold while they have a gradient."""

    def states(self, items: Tensor, lengths: Tensor) -> Tensor:
        self.last = super().states(items, lengths)
        return self.last


class DropsLayers(GRU):
    """No mistake: a layer takes part in every other pass of training, as torch's generator decides."""

    def __init__(self, n_items: int, width: int, dropout: float) -> None:
        super().__init__(n_items, width, dropout)
        self.register_buffer("passes", torch.zeros((), dtype=torch.int64))
        self.register_buffer("places", torch.arange(8), persistent=False)
        self.layer = nn.Linear(width, width)

    def forward(self, items: Tensor, lengths: Tensor) -> Tensor:
        vectors = super().forward(items, lengths)
        self.passes += self.training
        return vectors if self.training and torch.rand(()) < 0.5 else vectors + self.layer(vectors)
