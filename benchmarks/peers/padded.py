"""The encoder in its usual form: every prefix is a row of a batch, padded to the longest history.

Written for the benchmark from the papers only. It computes the same as :mod:`harness.backbones.duorec`; a test compares
the two.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor, nn

from harness.backbones.duorec.backbone import DuoRec
from harness.backbones.transformer.model import TransformerEncoder
from harness.data.interactions import Interactions
from harness.data.split import Indices, Prefixes


class PaddedBlock(nn.Module):
    """A post-LayerNorm transformer block over ``(batch, length, d)``."""

    def __init__(self, spec: DuoRec) -> None:
        super().__init__()
        width = spec.hidden_size
        self.n_heads = spec.n_heads
        self.query = nn.Linear(width, width)
        self.key = nn.Linear(width, width)
        self.value = nn.Linear(width, width)
        self.output = nn.Linear(width, width)
        self.attention_norm = nn.LayerNorm(width, eps=spec.layer_norm_eps)
        self.expansion = nn.Linear(width, spec.inner_size)
        self.contraction = nn.Linear(spec.inner_size, width)
        self.feed_forward_norm = nn.LayerNorm(width, eps=spec.layer_norm_eps)
        self.drop = nn.Dropout(spec.dropout)

    def forward(self, states: Tensor, bias: Tensor) -> Tensor:
        """The states after the block; ``bias`` ``(batch, 1, length, length)`` is added to the logits."""
        query, key, value = (self._by_head(each(states)) for each in (self.query, self.key, self.value))
        logits = query @ key.transpose(-1, -2) / math.sqrt(query.shape[-1])
        share = self.drop((logits + bias).softmax(dim=-1))
        mixed = (share @ value).transpose(1, 2).flatten(2)
        states = self.attention_norm(states + self.drop(self.output(mixed)))
        inner = self.contraction(nn.functional.gelu(self.expansion(states)))
        return self.feed_forward_norm(states + self.drop(inner))

    def _by_head(self, states: Tensor) -> Tensor:
        batch, length, width = states.shape
        return states.view(batch, length, self.n_heads, width // self.n_heads).transpose(1, 2)


class PaddedEncoder(nn.Module):
    """An encoder of item and position embeddings and blocks; returns the state at each history's last item.

    Source: Kang and McAuley, ICDM 2018; Qiu et al., WSDM 2022, whose encoder is the same with post-LayerNorm.
    """

    def __init__(self, n_items: int, spec: DuoRec) -> None:
        super().__init__()
        self.item_embedding = nn.Embedding(n_items + 1, spec.hidden_size, padding_idx=0)
        self.position_embedding = nn.Embedding(spec.max_length, spec.hidden_size)
        self.embedding_norm = nn.LayerNorm(spec.hidden_size, eps=spec.layer_norm_eps)
        self.drop = nn.Dropout(spec.dropout)
        self.blocks = nn.ModuleList(PaddedBlock(spec) for _ in range(spec.n_layers))

    def forward(self, history: Tensor, length: Tensor) -> Tensor:
        """Representations ``(batch, d)`` of histories ``(batch, max_length)``, padded with 0 after ``length`` items."""
        places = torch.arange(history.shape[1])
        states = self.item_embedding(history) + self.position_embedding(places)
        states = self.drop(self.embedding_norm(states))
        seen = (history > 0)[:, None, None, :] & (places[:, None] >= places)
        bias = torch.zeros(seen.shape).masked_fill(~seen, -10_000.0)
        for block in self.blocks:
            states = block(states, bias)
        return states[torch.arange(len(history)), length - 1]

    @torch.no_grad()
    def like(self, model: TransformerEncoder) -> PaddedEncoder:
        """Copy the weights of the product's encoder."""
        own = dict(self.named_parameters())
        for name, weight in model.named_parameters():
            parts = weight.chunk(3) if ".projection." in name else (weight,)
            names = [name.replace("projection", part) for part in ("query", "key", "value")]
            for place, part in zip(names if len(parts) == 3 else [name], parts, strict=True):
                own[place].copy_(part)
        return self


def padded_histories(
    data: Interactions, prefixes: Prefixes, numbers: Indices, max_length: int
) -> tuple[Tensor, Tensor]:
    """The last items of prefixes, padded with 0, ``(n, max_length)``, and their number, ``(n,)``."""
    position = prefixes.position[numbers]
    length = np.minimum(position, max_length)
    start = data.offsets[prefixes.user[numbers]] + position - length
    place = np.arange(max_length)
    inside = place < length[:, None]
    source = np.where(inside, start[:, None] + place, 0)
    return torch.from_numpy(np.where(inside, data.items[source], 0).astype(np.int64)), torch.from_numpy(length)
