"""Problem 2: a frozen backbone, unbalanced learning rates."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

from harness.interventions.base import Intervention, parameter
from harness.recipe.recipe import Recipe
from harness.recipe.schedules import Cosine, Linear, Span, ramp
from harness.recipe.seams.fusion import ScheduledShare
from harness.recipe.seams.phases import GradualUnfreezing, LearningRates, RetrieverOnly


@dataclass(frozen=True, slots=True, kw_only=True)
class Unfreeze(Intervention):
    """Trains the retriever first, then the backbone's last blocks, then the whole backbone, each at a smaller rate.

    After each epoch that changes the backbone, all prefixes and the memory are encoded again.
    """

    id: ClassVar[str] = "training.unfreeze"
    title = "Unfreeze gradually"
    title_zh = "渐进式解冻"
    priority = "H"
    section = "2.1"
    why = "A frozen backbone makes up 85% of the mixture and cannot adapt to what is mixed in."
    observable = "Exactly the named tensors change, from the named epochs on."

    start: Span = parameter(0.4, "when the last blocks start to train", low=0.0, high=1.0, search=(0.0, 0.6), span=True)
    blocks: int = parameter(1, "number of last blocks of the backbone that start first", choices=(1, 2))
    all_from: Span = parameter(
        0.7,
        "when the whole backbone starts to train",
        low=0.0,
        high=1.0,
        span=True,
        choices=("never",),
        search=(0.4, 1.0),
    )
    blocks_factor: float = parameter(
        0.05,
        "learning rate of the blocks, a fraction of the retriever's",
        low=1e-6,
        high=1.0,
        search=(0.01, 0.5),
        log=True,
    )
    all_factor: float = parameter(
        0.01, "the same for the whole backbone", low=1e-6, high=1.0, search=(0.001, 0.1), log=True
    )

    def apply(self, recipe: Recipe) -> Recipe:
        if self.start == 1.0 and self.all_from in (1.0, "never"):
            return replace(recipe, phases=RetrieverOnly())
        phases = GradualUnfreezing(
            start=self.start,
            blocks=self.blocks,
            all_from=None if self.all_from == "never" else self.all_from,
            blocks_factor=self.blocks_factor,
            all_factor=self.all_factor,
        )
        return replace(recipe, phases=phases)


@dataclass(frozen=True, slots=True, kw_only=True)
class DiscriminativeRates(Intervention):
    """Sets one learning rate for the retriever and a smaller one for the backbone's last blocks, from the start.

    With ``training.unfreeze`` in the same arm, that remedy decides when each part trains, and this one the rates.
    """

    id: ClassVar[str] = "training.discriminative_lr"
    title = "Separate learning rates"
    title_zh = "差异化学习率"
    priority = "H"
    section = "2.2"
    why = "A pretrained part needs smaller steps than one that starts at random."
    observable = "The optimiser's parameter groups have the two rates."

    retriever: float = parameter(
        2e-4, "Adam's step size of the retriever and the fusion", low=1e-8, high=1.0, search=(3e-5, 3e-3), log=True
    )
    backbone: float = parameter(
        5e-5, "Adam's step size of the backbone", low=1e-8, high=1.0, search=(3e-6, 1e-3), log=True
    )
    blocks: int = parameter(2, "number of last blocks of the backbone that train", low=0, high=12)

    def apply(self, recipe: Recipe) -> Recipe:
        backbone = self.backbone if self.blocks else None
        rates = LearningRates(new_parts=self.retriever, backbone=backbone, blocks=self.blocks)
        return replace(recipe, learning_rates=rates)


@dataclass(frozen=True, slots=True, kw_only=True)
class AlphaRamp(Intervention):
    """Increases the share of the retrieved knowledge during training; evaluation uses the share of its epoch."""

    id: ClassVar[str] = "training.alpha_ramp"
    title = "Increase alpha during training"
    title_zh = "增加 alpha 参数"
    priority = "H"
    section = "2.3"
    why = "An untrained retriever should count little in the mixture, a trained one more."
    observable = "The share differs by epoch, and evaluation uses that of its epoch."
    example_base = ("wiring.scale",)
    as_published = (
        "The norm of the knowledge is about a thirtieth of that of ``s``, so no share changes the ranking much."
    )

    start: float = parameter(0.1, "share at the start, a fraction", low=0.0, high=1.0, search=(0.0, 0.3))
    end: float = parameter(0.25, "share at the end, a fraction", low=0.0, high=1.0, search=(0.15, 0.5))
    until: Span = parameter(0.5, "when the end is reached", low=0.01, high=1.0, span=True)
    shape: str = parameter("linear", "shape of the increase", choices=("linear", "cosine"))

    def apply(self, recipe: Recipe) -> Recipe:
        schedule = ramp(Linear if self.shape == "linear" else Cosine, start=self.start, end=self.end, until=self.until)
        return replace(recipe, share=ScheduledShare(schedule=schedule))
