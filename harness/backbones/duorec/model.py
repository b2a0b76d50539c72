"""DuoRec's encoder, written for packed windows: linear and pointwise work on all places at once."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from harness.backbones.dropout import MaskPool
from harness.backbones.duorec.attention import causal_attention, last_place_attention
from harness.backbones.duorec.hyperparameters import Hyperparameters
from harness.backbones.duorec.packing import (
    Bucket,
    Packed,
    closing_windows,
    opening_windows,
    pack,
    training_windows,
)
from harness.backbones.encoder import Batch, Encoder
from harness.backbones.values import ParameterGroups, Precision, resolve_precision
from harness.data.interactions import Interactions
from harness.data.split import Indices, Prefixes

CHUNK_TOKENS = 4096
"""Items encoded at a time; the widest activation is then 4 MB."""


class Block(nn.Module):
    """A post-LayerNorm transformer block: causal self-attention, then a feed-forward part with GELU."""

    def __init__(self, spec: Hyperparameters) -> None:
        super().__init__()
        width, inner = spec.hidden_size, spec.inner_size
        self.n_heads = spec.n_heads
        self.projection = nn.Linear(width, 3 * width)
        self.output = nn.Linear(width, width)
        self.attention_norm = nn.LayerNorm(width, eps=spec.layer_norm_eps)
        self.expansion = nn.Linear(width, inner)
        self.contraction = nn.Linear(inner, width)
        self.feed_forward_norm = nn.LayerNorm(width, eps=spec.layer_norm_eps)

    def forward(
        self, states: Tensor, buckets: tuple[Bucket, ...], masks: MaskPool | None, rows: Tensor | None = None
    ) -> Tensor:
        """States after the block at every place, or at ``rows`` only, ``(n_places or n_rows, d)``."""
        mixed = causal_attention(self.projection(states), buckets, self.n_heads, masks)
        if rows is not None:
            states, mixed = states.index_select(0, rows), mixed.index_select(0, rows)
        return self._after_attention(states, mixed, masks)

    def last_places(self, states: Tensor, packed: Packed, masks: MaskPool | None) -> Tensor:
        """States after the block at the one scored place of each window, its last, ``(n_windows, d)``."""
        d = states.shape[1]
        weight = self.projection.weight.view(3, self.n_heads, -1, d)
        bias = self.projection.bias.view(3, self.n_heads, 1, -1)
        own = states.index_select(0, packed.rows)
        query = torch.matmul(own, weight[0].transpose(1, 2)) + bias[0]
        carried = torch.bmm(query, weight[1]).transpose(0, 1)
        means, totals = last_place_attention(states, carried, packed, 1.0 / math.sqrt(weight.shape[2]), masks)
        values = torch.bmm(means.transpose(0, 1), weight[2].transpose(1, 2)) + totals.transpose(0, 1) * bias[2]
        return self._after_attention(own, values.transpose(0, 1).reshape(len(own), d), masks)

    def _after_attention(self, states: Tensor, mixed: Tensor, masks: MaskPool | None) -> Tensor:
        states = self.attention_norm(_add(states, self.output(mixed), masks))
        inner = self.contraction(F.gelu(self.expansion(states)))
        return self.feed_forward_norm(_add(states, inner, masks))


class DuoRecEncoder(Encoder):
    """Item and learned position embeddings, then transformer blocks; the state at the last item stands for a history.

    Dropout is active exactly when a pass is given masks; there is no training mode.

    Source: Qiu et al., WSDM 2022; the encoder is SASRec's (Kang and McAuley, ICDM 2018) with post-LayerNorm.
    """

    def __init__(self, n_items: int, spec: Hyperparameters) -> None:
        super().__init__()
        self.spec: Hyperparameters = spec
        self.n_items = n_items
        self.item_embedding = nn.Embedding(n_items + 1, spec.hidden_size)
        self.position_embedding = nn.Embedding(spec.max_length, spec.hidden_size)
        self.embedding_norm = nn.LayerNorm(spec.hidden_size, eps=spec.layer_norm_eps)
        self.blocks = nn.ModuleList(Block(spec) for _ in range(spec.n_layers))

    @property
    def item_matrix(self) -> Tensor:
        return self.item_embedding.weight

    @property
    def parameter_groups(self) -> ParameterGroups:
        return ParameterGroups(
            embeddings=("item_embedding", "position_embedding", "embedding_norm"),
            blocks=tuple(f"blocks.{number}" for number in range(len(self.blocks))),
        )

    def precision_on(self, device: str) -> Precision:
        return resolve_precision(self.spec.precision, device=device)

    def initialise(self, generator: torch.Generator) -> None:
        """Draw all weights afresh: normal, biases 0, LayerNorm at the identity, padding 0."""
        for name, parameter in self.named_parameters():
            if name.endswith("bias"):
                nn.init.zeros_(parameter)
            elif "norm" in name:
                nn.init.ones_(parameter)
            else:
                nn.init.normal_(parameter, std=self.spec.init_std, generator=generator)
        with torch.no_grad():
            self.item_embedding.weight[0] = 0.0

    def forward(self, packed: Packed, masks: MaskPool | None) -> Tensor:
        """States at the scored places, ``(n_scored, d)``.

        Args:
            packed: the windows.
            masks: for dropout; None for none.
        """
        states = self._embed(packed, masks)
        for block in self.blocks[:-1]:
            states = block(states, packed.buckets, masks)
        return self.blocks[-1](states, packed.buckets, masks, packed.rows)

    def last_places(self, packed: Packed, masks: MaskPool | None) -> Tensor:
        """The same for windows that score their last place only, at a fraction of the last block's cost.

        Args:
            packed: windows with one scored place each, the last.
            masks: for dropout; None for none.
        """
        assert len(packed.rows) == len(packed.lengths)
        states = self._embed(packed, masks)
        for block in self.blocks[:-1]:
            states = block(states, packed.buckets, masks)
        last = self.blocks[-1]
        assert isinstance(last, Block)
        return last.last_places(states, packed, masks)

    def encode(self, data: Interactions, prefixes: Prefixes) -> Tensor:
        """Every prefix's representation without dropout, ``(n_prefixes, d)`` float32, as ``Prefixes`` numbers them.

        Prefixes of up to ``max_length`` items are read off one causal pass over their user's first items; longer ones
        are their last ``max_length`` items, encoded each on its own, since those count their positions from 0 again.
        """
        states = torch.empty(prefixes.n_prefixes, self.spec.hidden_size)
        longest = self.spec.max_length
        with torch.no_grad():
            for part in opening_windows(data, max_length=longest).by_length(CHUNK_TOKENS):
                packed = pack(part, data.items)
                states[torch.as_tensor(packed.prefix)] = self(packed, None)
        beyond = np.flatnonzero(prefixes.position > longest)
        states[torch.as_tensor(beyond)] = self.encode_some(data, prefixes, beyond)
        return states

    def encode_some(self, data: Interactions, prefixes: Prefixes, numbers: Indices) -> Tensor:
        """The representation of given prefixes without dropout, each encoded on its own, ``(n, d)`` float32.

        Args:
            data: the sequences.
            prefixes: of ``data``.
            numbers: of the prefixes wanted, in any order, ``(n,)``.
        """
        states = torch.empty(len(numbers), self.spec.hidden_size)
        place = np.empty(prefixes.n_prefixes, dtype=np.int64)
        place[numbers] = np.arange(len(numbers))
        windows = closing_windows(data, prefixes, numbers, max_length=self.spec.max_length)
        with torch.no_grad():
            for part in windows.by_length(CHUNK_TOKENS):
                packed = pack(part, data.items)
                states[torch.as_tensor(place[packed.prefix])] = self.last_places(packed, None)
        return states

    def encode_noisy(self, data: Interactions, prefixes: Prefixes, generator: torch.Generator) -> Tensor:
        """Every training prefix's representation under fresh dropout, ``(n_train, d)`` float32, as ``Prefixes.train``.

        One packed pass over the windows that pretraining uses. Dropout masks are shared by the prefixes of a window,
        where one pass a prefix would draw them anew, and a prefix over ``max_length`` items may have as few as
        ``max_length - stride`` of them as context.
        """
        states = torch.empty(len(prefixes.train), self.spec.hidden_size)
        masks = self._masks(generator)
        windows = training_windows(data, prefixes, max_length=self.spec.max_length, stride=self.spec.stride)
        with torch.no_grad():
            for part in windows.by_length(CHUNK_TOKENS):
                packed = pack(part, data.items)
                if masks is not None:
                    masks.begin_pass()
                states[torch.as_tensor(np.searchsorted(prefixes.train, packed.prefix))] = self(packed, masks)
        return states

    def batches(
        self,
        data: Interactions,
        prefixes: Prefixes,
        *,
        batch_size: int,
        order: torch.Generator,
        noise: torch.Generator | None,
    ) -> Iterator[Batch]:
        """All training windows in random order.

        A batch holds whole windows with about ``batch_size`` prefixes, so that one pass over a user's sequence serves
        all of its prefixes. Departs from FTragrec, which encodes every prefix on its own.
        """
        windows = training_windows(data, prefixes, max_length=self.spec.max_length, stride=self.spec.stride)
        shuffled = torch.randperm(len(windows), generator=order).numpy()
        reached = np.cumsum((windows.length - windows.score_from)[shuffled])
        n_batches = max(1, round(int(reached[-1]) / batch_size))
        cuts = np.searchsorted(reached, np.arange(1, n_batches) * (reached[-1] / n_batches))
        masks = None if noise is None else self._masks(noise)
        for chosen in np.split(shuffled, cuts):
            if len(chosen) == 0:
                continue
            packed = pack(windows.take(chosen), data.items)
            if masks is not None:
                masks.begin_pass()
            yield self(packed, masks), packed.prefix

    def _masks(self, generator: torch.Generator) -> MaskPool | None:
        return MaskPool(self.spec.dropout, generator) if self.spec.dropout else None

    def _embed(self, packed: Packed, masks: MaskPool | None) -> Tensor:
        states = self.item_embedding(packed.items) + self.position_embedding(packed.positions)
        states = self.embedding_norm(states)
        return states if masks is None else states * masks.cut(*states.shape)


def _add(states: Tensor, update: Tensor, masks: MaskPool | None) -> Tensor:
    return states + update if masks is None else torch.addcmul(states, update, masks.cut(*update.shape))
