"""LRURec's encoder for packed windows: everything except the recurrence is computed for all places at once."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from harness.backbones.dropout import MaskPool, dropped
from harness.backbones.lrurec.recipe import LRURecipe
from harness.backbones.lrurec.recurrence import linear_recurrence
from harness.backbones.packed.encoder import PackedEncoder
from harness.backbones.packed.windows import Packed
from harness.backbones.values import ParameterGroups


class Block(nn.Module):
    """A linear recurrent unit, then a feed-forward part with GELU; each with a residual path and post-LayerNorm.

    The unit's decays are ``exp(-exp(log_rate) + i exp(log_angle))``, so their modulus is below 1 for all parameters.
    Complex numbers are pairs of columns.
    """

    def __init__(self, spec: LRURecipe) -> None:
        super().__init__()
        width, n = spec.hidden_size, spec.state_size
        self.log_rate = nn.Parameter(torch.empty(n))
        self.log_angle = nn.Parameter(torch.empty(n))
        self.log_scale = nn.Parameter(torch.empty(n))
        self.input = nn.Linear(width, 2 * n)
        self.output = nn.Linear(2 * n, width)
        self.recurrence_norm = nn.LayerNorm(width)
        self.expansion = nn.Linear(width, spec.inner_size)
        self.contraction = nn.Linear(spec.inner_size, width)
        self.feed_forward_norm = nn.LayerNorm(width)

    def draw_decays(self, generator: torch.Generator, *, shortest: float, longest: float) -> None:
        """Draw decays uniformly by area from the ring between the two moduli; the scale compensates the modulus."""
        with torch.no_grad():
            area = nn.init.uniform_(self.log_rate, shortest**2, longest**2, generator=generator).clone()
            self.log_rate.copy_(torch.log(-0.5 * torch.log(area)))
            self.log_scale.copy_(0.5 * torch.log1p(-area))
            self.log_angle.copy_(nn.init.uniform_(self.log_angle, 1e-6, 2.0 * math.pi, generator=generator).log())

    def forward(self, states: Tensor, packed: Packed, masks: MaskPool | None, rows: Tensor | None = None) -> Tensor:
        """States after the block at every place, or at ``rows`` only, ``(n_places or n_rows, d)``."""
        modulus, angle = torch.exp(-self.log_rate.exp()), self.log_angle.exp()
        decay = torch.stack([modulus * angle.cos(), modulus * angle.sin()], dim=1)
        pairs = self.input(states).view(len(states), -1, 2) * self.log_scale.exp().unsqueeze(1)
        carried = linear_recurrence(pairs, decay, packed.buckets).flatten(1)
        if rows is not None:
            states, carried = states.index_select(0, rows), carried.index_select(0, rows)
        states = self.recurrence_norm(states + dropped(self.output(carried), masks))
        inner = self.contraction(dropped(F.gelu(self.expansion(states)), masks))
        return self.feed_forward_norm(states + dropped(inner, masks))


class LRUEncoder(PackedEncoder):
    """Item embeddings without positions, then blocks; the state at the last item represents the history.

    Source: Yue et al., "Linear Recurrent Units for Sequential Recommendation", WSDM 2024.
    """

    def __init__(self, n_items: int, spec: LRURecipe) -> None:
        super().__init__()
        self.spec = spec
        self.n_items = n_items
        self.item_embedding = nn.Embedding(n_items + 1, spec.hidden_size)
        self.embedding_norm = nn.LayerNorm(spec.hidden_size)
        self.blocks = nn.ModuleList(Block(spec) for _ in range(spec.n_layers))

    @property
    def item_matrix(self) -> Tensor:
        return self.item_embedding.weight

    @property
    def parameter_groups(self) -> ParameterGroups:
        return ParameterGroups(
            embeddings=("item_embedding", "embedding_norm"),
            blocks=tuple(f"blocks.{number}" for number in range(len(self.blocks))),
        )

    def initialise(self, generator: torch.Generator) -> None:
        """Draw all weights anew: normal, biases 0, LayerNorm at the identity, padding 0, decays in their ring."""
        spec = self.spec
        assert isinstance(spec, LRURecipe)
        for name, parameter in self.named_parameters():
            if name.endswith("bias"):
                nn.init.zeros_(parameter)
            elif "norm" in name:
                nn.init.ones_(parameter)
            elif "log_" not in name:
                nn.init.normal_(parameter, std=spec.init_std, generator=generator)
        for block in self.blocks:
            assert isinstance(block, Block)
            block.draw_decays(generator, shortest=spec.shortest, longest=spec.longest)
        with torch.no_grad():
            self.item_embedding.weight[0] = 0.0

    def forward(self, packed: Packed, masks: MaskPool | None) -> Tensor:
        states = dropped(self.embedding_norm(self.item_embedding(packed.items)), masks)
        for block in self.blocks[:-1]:
            states = block(states, packed, masks)
        return self.blocks[-1](states, packed, masks, packed.rows)
