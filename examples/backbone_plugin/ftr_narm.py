"""A backbone plug-in: NARM, attention over the states of a GRU, as an ordinary PyTorch module."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn

from harness.backbones.batched.backbone import BatchedBackbone
from harness.backbones.values import Tunable


class NARM(nn.Module):
    """Joins the last state of a GRU with an attention-weighted sum of all its states.

    Source: Li et al., "Neural Attentive Session-based Recommendation", CIKM 2017.
    """

    def __init__(self, n_items: int, width: int, n_layers: int, dropout: float) -> None:
        super().__init__()
        self.item_embedding = nn.Embedding(n_items + 1, width, padding_idx=0)
        nn.init.normal_(self.item_embedding.weight, std=0.02)
        self.dropout = nn.Dropout(dropout)
        self.gru = nn.GRU(width, width, n_layers, batch_first=True)
        self.of_last = nn.Linear(width, width, bias=False)
        self.of_each = nn.Linear(width, width, bias=False)
        self.weigh = nn.Linear(width, 1, bias=False)
        self.join = nn.Linear(2 * width, width, bias=False)

    def forward(self, items: Tensor, lengths: Tensor) -> Tensor:
        """One vector per history, ``(batch, d)``; items ``(batch, longest)`` are left-aligned and padded with 0."""
        states, _ = self.gru(self.dropout(self.item_embedding(items)))
        last = states[torch.arange(len(items)), lengths - 1]
        weights = self.weigh((self.of_last(last).unsqueeze(1) + self.of_each(states)).sigmoid())
        weights = weights * (items > 0).unsqueeze(2)
        return self.join(self.dropout(torch.cat([last, (weights * states).sum(1)], dim=1)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Narm(BatchedBackbone):
    """The NARM backbone; in a study file, ``backbone: {model: {narm: {n_layers: 1}}}``."""

    name: ClassVar[str] = "narm"
    title: ClassVar[str] = "NARM"
    tunable: ClassVar[Mapping[str, Tunable]] = {
        **BatchedBackbone.tunable,
        "n_layers": Tunable(meaning="layers of the GRU", low=1, high=4, search=(1, 2)),
    }

    n_layers: int = 1

    def module(self, n_items: int) -> nn.Module:
        return NARM(n_items, self.hidden_size, self.n_layers, self.dropout)
