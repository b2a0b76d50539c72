"""GRU4Rec as a study names it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar

from harness.backbones.gru4rec.recipe import GRU4RecRecipe
from harness.backbones.packed.backbone import PackedBackbone
from harness.backbones.values import Tunable

if TYPE_CHECKING:
    from harness.backbones.gru4rec.model import GRU4RecEncoder


@dataclass(frozen=True, slots=True, kw_only=True)
class GRU4Rec(GRU4RecRecipe, PackedBackbone):
    """GRU4Rec, trained by a softmax over the whole catalogue.

    Source: Hidasi et al., "Session-based Recommendations with Recurrent Neural Networks", ICLR 2016. Departs from it,
    as RecBole does, in item embeddings shared by input and output, a dense layer and the loss. Departs from RecBole in
    packed training and the recipe.
    """

    name: ClassVar[str] = "gru4rec"
    package: ClassVar[str] = __name__.rpartition(".")[0]
    title: ClassVar[str] = "GRU4Rec"
    tunable: ClassVar[Mapping[str, Tunable]] = {
        **PackedBackbone.tunable,
        "learning_rate": replace(PackedBackbone.tunable["learning_rate"], search=(1e-3, 1e-2)),
        "recurrent_size": Tunable(meaning="width of the recurrent state", choices=(32, 64, 96, 128, 192, 256, 512)),
        "n_layers": Tunable(meaning="recurrent layers", low=1, high=8, search=(1, 2)),
    }

    def build(self, n_items: int) -> GRU4RecEncoder:
        from harness.backbones.gru4rec.model import GRU4RecEncoder

        return GRU4RecEncoder(n_items, self)

    def shapes(self, n_items: int) -> dict[str, tuple[int, ...]]:
        d, width = self.hidden_size, self.recurrent_size
        shapes: dict[str, tuple[int, ...]] = {"item_embedding.weight": (n_items + 1, d)}
        for layer in range(self.n_layers):
            shapes[f"blocks.{layer}.input.weight"] = (3 * width, width if layer else d)
            shapes[f"blocks.{layer}.state.weight"] = (3 * width, width)
        last = f"blocks.{self.n_layers - 1}.dense"
        return shapes | {f"{last}.weight": (d, width), f"{last}.bias": (d,)}
