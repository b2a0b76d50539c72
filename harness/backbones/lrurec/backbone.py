"""LRURec as a study names it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from harness.backbones.lrurec.recipe import LRURecipe
from harness.backbones.packed.backbone import PackedBackbone
from harness.backbones.values import Tunable

if TYPE_CHECKING:
    from harness.backbones.lrurec.model import LRUEncoder


@dataclass(frozen=True, slots=True, kw_only=True)
class LRURec(LRURecipe, PackedBackbone):
    """LRURec, trained by a softmax over the whole catalogue.

    Source: Yue et al., "Linear Recurrent Units for Sequential Recommendation", WSDM 2024. Departs from it in packed
    training, dropout rate (the paper searches it per data set: .6 on Beauty, .2 on MovieLens-1M), no weight decay,
    dropout of embeddings after their LayerNorm, and scores without an item bias.
    """

    name: ClassVar[str] = "lrurec"
    package: ClassVar[str] = __name__.rpartition(".")[0]
    title: ClassVar[str] = "LRURec"
    tunable: ClassVar[Mapping[str, Tunable]] = {
        **PackedBackbone.tunable,
        "n_layers": Tunable(meaning="recurrent blocks", low=1, high=12, search=(1, 3)),
        "state_size": Tunable(meaning="complex numbers that a recurrence carries", choices=(32, 64, 128, 256)),
        "inner_size": Tunable(meaning="width of the feed-forward part", choices=(32, 64, 128, 256, 512)),
    }

    def build(self, n_items: int) -> LRUEncoder:
        from harness.backbones.lrurec.model import LRUEncoder

        return LRUEncoder(n_items, self)

    def shapes(self, n_items: int) -> dict[str, tuple[int, ...]]:
        d, n, inner = self.hidden_size, self.state_size, self.inner_size
        shapes: dict[str, tuple[int, ...]] = {"item_embedding.weight": (n_items + 1, d)}
        linear = {"embedding_norm": (d,)}
        for layer in range(self.n_layers):
            block = f"blocks.{layer}."
            shapes |= {block + name: (n,) for name in ("log_rate", "log_angle", "log_scale")}
            linear |= {block + "input": (2 * n, d), block + "output": (d, 2 * n), block + "recurrence_norm": (d,)}
            linear |= {block + "expansion": (inner, d), block + "contraction": (d, inner)}
            linear |= {block + "feed_forward_norm": (d,)}
        for name, shape in linear.items():
            shapes |= {f"{name}.weight": shape, f"{name}.bias": shape[:1]}
        return shapes
