"""GRU4Rec's encoder, written for packed windows."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from harness.backbones.dropout import MaskPool, dropped
from harness.backbones.gru4rec.recipe import GRU4RecRecipe
from harness.backbones.gru4rec.recurrence import Steps, recur
from harness.backbones.packed.encoder import PackedEncoder
from harness.backbones.packed.windows import Packed
from harness.backbones.values import ParameterGroups


class Layer(nn.Module):
    """A gated recurrent layer without biases."""

    def __init__(self, n_inputs: int, width: int) -> None:
        super().__init__()
        self.input = nn.Linear(n_inputs, 3 * width, bias=False)
        self.state = nn.Linear(width, 3 * width, bias=False)

    def forward(self, inputs: Tensor, counts: tuple[int, ...]) -> Tensor:
        """States after every item, in step order (see :class:`Steps`), ``(n_real, h)``."""
        return recur(self.input(inputs), self.state.weight, counts)


class LastLayer(Layer):
    """The last recurrent layer with the dense layer back to the width of items; both are unfrozen as one block."""

    def __init__(self, n_inputs: int, width: int, n_outputs: int) -> None:
        super().__init__(n_inputs, width)
        self.dense = nn.Linear(width, n_outputs)


class GRU4RecEncoder(PackedEncoder):
    """Item embeddings under dropout, gated recurrent layers, and a dense layer back to the embeddings' width.

    Source: Hidasi et al., "Session-based Recommendations with Recurrent Neural Networks", ICLR 2016, and Tan et al.,
    "Improved Recurrent Neural Networks for Session-based Recommendations", DLRS 2016, in RecBole's form.
    """

    def __init__(self, n_items: int, spec: GRU4RecRecipe) -> None:
        super().__init__()
        self.spec = spec
        self.n_items = n_items
        self.item_embedding = nn.Embedding(n_items + 1, spec.hidden_size)
        *first, last = (spec.hidden_size, *[spec.recurrent_size] * (spec.n_layers - 1))
        self.blocks = nn.ModuleList(Layer(n_inputs, spec.recurrent_size) for n_inputs in first)
        self.blocks.append(LastLayer(last, spec.recurrent_size, spec.hidden_size))

    @property
    def item_matrix(self) -> Tensor:
        return self.item_embedding.weight

    @property
    def parameter_groups(self) -> ParameterGroups:
        return ParameterGroups(
            embeddings=("item_embedding",), blocks=tuple(f"blocks.{number}" for number in range(len(self.blocks)))
        )

    def initialise(self, generator: torch.Generator) -> None:
        """Draw all weights anew: items normal, other matrices uniform by Glorot's rule, biases and padding 0."""
        for name, parameter in self.named_parameters():
            if name.endswith("bias"):
                nn.init.zeros_(parameter)
            elif parameter is self.item_matrix:
                nn.init.normal_(parameter, std=self.spec.init_std, generator=generator)
            else:
                bound = math.sqrt(6.0 / sum(parameter.shape))
                nn.init.uniform_(parameter, -bound, bound, generator=generator)
        with torch.no_grad():
            self.item_embedding.weight[0] = 0.0

    def forward(self, packed: Packed, masks: MaskPool | None) -> Tensor:
        steps = Steps.of(packed)
        states = dropped(self.item_embedding(packed.items.index_select(0, steps.places)), masks)
        for block in self.blocks:
            states = block(states, steps.counts)
        last = self.blocks[-1]
        assert isinstance(last, LastLayer)
        return last.dense(states.index_select(0, steps.rows))
