"""SASRec's encoder for packed windows: linear and pointwise operations run on all places at once."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from harness.backbones.dropout import MaskPool, dropped
from harness.backbones.packed.encoder import PackedEncoder
from harness.backbones.packed.windows import Bucket, Packed
from harness.backbones.transformer.attention import causal_attention, last_place_attention
from harness.backbones.transformer.recipe import TransformerRecipe
from harness.backbones.values import ParameterGroups


class Block(nn.Module):
    """A post-LayerNorm transformer block: causal self-attention, then a feed-forward part with GELU."""

    def __init__(self, spec: TransformerRecipe) -> None:
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
        """States after the block at each window's last place, the only one that is scored, ``(n_windows, d)``."""
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


class TransformerEncoder(PackedEncoder):
    """Item and learned position embeddings, then transformer blocks; the state at the last item is the history's.

    Source: Kang and McAuley, "Self-Attentive Sequential Recommendation", ICDM 2018, with post-LayerNorm.
    """

    def __init__(self, n_items: int, spec: TransformerRecipe) -> None:
        super().__init__()
        self.spec = spec
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

    def initialise(self, generator: torch.Generator) -> None:
        """Draw all weights anew: normal, biases 0, LayerNorm at the identity, padding 0."""
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
        states = self._embed(packed, masks)
        for block in self.blocks[:-1]:
            states = block(states, packed.buckets, masks)
        return self.blocks[-1](states, packed.buckets, masks, packed.rows)

    def last_places(self, packed: Packed, masks: MaskPool | None) -> Tensor:
        """States at the last places, as :meth:`forward` returns them, at a fraction of the last block's cost."""
        assert len(packed.rows) == len(packed.lengths)
        states = self._embed(packed, masks)
        for block in self.blocks[:-1]:
            states = block(states, packed.buckets, masks)
        last = self.blocks[-1]
        assert isinstance(last, Block)
        return last.last_places(states, packed, masks)

    def _embed(self, packed: Packed, masks: MaskPool | None) -> Tensor:
        states = self.item_embedding(packed.items) + self.position_embedding(packed.positions)
        return dropped(self.embedding_norm(states), masks)


def _add(states: Tensor, update: Tensor, masks: MaskPool | None) -> Tensor:
    return states + update if masks is None else torch.addcmul(states, update, masks.cut(*update.shape))
