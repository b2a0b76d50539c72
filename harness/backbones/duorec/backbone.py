"""DuoRec as a study names it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Self

from harness.backbones.base import Backbone
from harness.backbones.duorec.hyperparameters import Hyperparameters
from harness.backbones.values import Precision, Progress
from harness.data.interactions import Interactions
from harness.data.split import Prefixes

if TYPE_CHECKING:
    from harness.backbones.duorec.model import DuoRecEncoder
    from harness.backbones.training_state import TrainingState


@dataclass(frozen=True, slots=True, kw_only=True)
class DuoRec(Hyperparameters, Backbone):
    """DuoRec (Qiu et al., WSDM 2022): SASRec's encoder, trained with a semantic contrastive term."""

    name: ClassVar[str] = "duorec"
    package: ClassVar[str] = __name__.rpartition(".")[0]
    later: ClassVar[Mapping[str, Any]] = {"n_sampled": 0}

    def build(self, n_items: int) -> DuoRecEncoder:
        from harness.backbones.duorec.model import DuoRecEncoder

        return DuoRecEncoder(n_items, self)

    def fit(
        self,
        data: Interactions,
        prefixes: Prefixes,
        *,
        seed: int,
        precision: Precision,
        unfinished: Path,
        progress: Progress | None,
    ) -> TrainingState:
        from harness.backbones.duorec.pretrain import pretrain

        return pretrain(data, prefixes, self, seed=seed, precision=precision, unfinished=unfinished, progress=progress)

    def with_sampled(self, n_sampled: int) -> Self:
        return replace(self, n_sampled=n_sampled)

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
