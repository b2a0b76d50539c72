"""The common base class of backbones with a transformer encoder."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from harness.backbones.packed.backbone import PackedBackbone
from harness.backbones.transformer.recipe import TransformerRecipe
from harness.backbones.values import Tunable

if TYPE_CHECKING:
    from harness.backbones.transformer.model import TransformerEncoder


@dataclass(frozen=True, slots=True, kw_only=True)
class TransformerBackbone(TransformerRecipe, PackedBackbone):
    """A backbone with a transformer encoder."""

    tunable: ClassVar[Mapping[str, Tunable]] = {
        **PackedBackbone.tunable,
        "n_layers": Tunable(meaning="transformer blocks", low=1, high=12, search=(1, 3)),
        "n_heads": Tunable(meaning="attention heads of a block", choices=(1, 2, 4, 8)),
        "inner_size": Tunable(meaning="width of the feed-forward part", choices=(32, 64, 128, 256, 512)),
    }

    def build(self, n_items: int) -> TransformerEncoder:
        from harness.backbones.transformer.model import TransformerEncoder

        return TransformerEncoder(n_items, self)

    def shapes(self, n_items: int) -> dict[str, tuple[int, ...]]:
        d, inner = self.hidden_size, self.inner_size
        shapes: dict[str, tuple[int, ...]] = {
            "item_embedding.weight": (n_items + 1, d),
            "position_embedding.weight": (self.max_length, d),
        }
        linear = {"embedding_norm": (d,)}
        for layer in range(self.n_layers):
            block = f"blocks.{layer}."
            linear |= {block + "projection": (3 * d, d), block + "output": (d, d), block + "attention_norm": (d,)}
            linear |= {block + "expansion": (inner, d), block + "contraction": (d, inner)}
            linear |= {block + "feed_forward_norm": (d,)}
        for name, shape in linear.items():
            shapes |= {f"{name}.weight": shape, f"{name}.bias": shape[:1]}
        return shapes
