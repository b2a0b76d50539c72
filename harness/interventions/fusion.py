"""Problem 4: one fixed alpha for all samples."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

from harness.interventions.base import Intervention, parameter
from harness.recipe.recipe import Recipe
from harness.recipe.schedules import Constant
from harness.recipe.seams.fusion import AlphaByNet, AlphaBySimilarity, AttentionFusion, GatedFusion, ScheduledShare

FUSED_ALONE = ScheduledShare(schedule=Constant(1.0))
"""The share for a fusion that does the mixing itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Adaptive(Intervention):
    """Gives each sample its own alpha, from the similarity of its neighbours or from a small network."""

    id: ClassVar[str] = "fusion.adaptive"
    title = "Alpha per sample"
    title_zh = "自适应混合机制"
    priority = "H"
    section = "4.1"
    why = "A sample with close neighbours can take more from them than one whose neighbours do not fit."
    observable = "Alpha differs by sample, and the network gets gradient from the enhanced loss."
    example_base = ("wiring.scale",)
    as_published = "The knowledge is too short to rotate the enhanced vector much, whatever alpha is."
    related: ClassVar[tuple[str, ...]] = ("wiring.rerank", "wiring.product", "wiring.overlap")

    by: str = parameter("similarity", "what alpha is computed from", choices=("similarity", "net"))
    max: float = parameter(0.3, "largest alpha, a fraction", low=0.01, high=1.0, search=(0.1, 0.8))
    temperature: float = parameter(
        1.0, "T of sigmoid(mean cosine / T), for similarity", low=0.01, high=100.0, search=(0.1, 10.0), log=True
    )
    hidden: int = parameter(32, "hidden units of the network, for net", low=1, high=1024, search=(8, 128), log=True)

    def apply(self, recipe: Recipe) -> Recipe:
        if self.by == "similarity":
            fusion = AlphaBySimilarity(maximum=self.max, temperature=self.temperature)
        else:
            fusion = AlphaByNet(maximum=self.max, n_hidden=self.hidden)
        return replace(recipe, fusion=fusion, share=FUSED_ALONE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Gate(Intervention):
    """Learns a gate for each dimension of the vector, computed from ``s`` and the knowledge."""

    id: ClassVar[str] = "fusion.gate"
    title = "Gate per dimension"
    title_zh = "门控融合机制"
    priority = "M"
    section = "4.2"
    why = "Retrieval may be better in some dimensions and worse in others; one alpha cannot separate them."
    observable = "Every gate lies in (0, 1), and before training the enhanced vector is close to base's."

    bias: float = parameter(
        -1.7, "logit of every gate at the start; −1.7 is a gate of .154", low=-20.0, high=20.0, search=(-4.0, 0.0)
    )

    def apply(self, recipe: Recipe) -> Recipe:
        return replace(recipe, fusion=GatedFusion(bias=self.bias), share=FUSED_ALONE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Attention(Intervention):
    """Mixes the neighbours by multi-head attention: query ``s``, their histories as keys, their targets as values.

    It replaces the attention of FTragrec as published, so remedies that only change that attention are refused with it.
    """

    id: ClassVar[str] = "fusion.attention"
    title = "Attend to the neighbours"
    title_zh = "多头注意力融合"
    priority = "M"
    section = "4.3"
    why = "Trained weights and projections can find patterns in the neighbours that a mixture cannot."
    observable = "A sample's attention sums to 1 over its neighbours and is 0 on a missing one."

    heads: int = parameter(2, "attention heads", choices=(1, 2, 4))
    dropout: float = parameter(
        0.3,
        "dropout of the attention output and the feed-forward output, a fraction",
        low=0.0,
        high=0.9,
        search=(0.0, 0.6),
    )

    def apply(self, recipe: Recipe) -> Recipe:
        return replace(recipe, fusion=AttentionFusion(n_heads=self.heads, dropout=self.dropout))
