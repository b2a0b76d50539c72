"""Ordinary modules as strangers write them, and the backbones that they become."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn

from harness.backbones.batched.backbone import BatchedBackbone, CausalBackbone


class GRU(nn.Module):
    """The last state of a GRU; its states serve the packed way."""

    def __init__(self, n_items: int, width: int, dropout: float) -> None:
        super().__init__()
        self.item_embedding = nn.Embedding(n_items + 1, width, padding_idx=0)
        nn.init.normal_(self.item_embedding.weight, std=0.02)
        self.dropout = nn.Dropout(dropout)
        self.gru = nn.GRU(width, width, batch_first=True)
        self.out = nn.Linear(width, width)

    def states(self, items: Tensor, lengths: Tensor) -> Tensor:
        return self.out(self.gru(self.dropout(self.item_embedding(items)))[0])

    def forward(self, items: Tensor, lengths: Tensor) -> Tensor:
        return self.states(items, lengths)[torch.arange(len(items)), lengths - 1]


SHORT = {"hidden_size": 16, "max_length": 8, "dropout": 0.2, "visits": 20, "decay_visits": 15, "precision": "float32"}
"""Fields with which a training takes a second."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EachHistory(BatchedBackbone):
    name: ClassVar[str] = "each_history"

    batch_size: int = 64

    def module(self, n_items: int) -> nn.Module:
        return GRU(n_items, self.hidden_size, self.dropout)


@dataclass(frozen=True, slots=True, kw_only=True)
class EachWindow(CausalBackbone):
    name: ClassVar[str] = "each_window"

    stride: int = 4
    batch_tokens: int = 64

    def module(self, n_items: int) -> nn.Module:
        return GRU(n_items, self.hidden_size, self.dropout)
