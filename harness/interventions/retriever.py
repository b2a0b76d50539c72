"""Problem 7: the retriever starts at random and over-fits."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

from harness.interventions.base import Intervention, parameter
from harness.recipe.recipe import Recipe
from harness.recipe.schedules import Span
from harness.recipe.seams.extra_terms import FeatureAlignment
from harness.recipe.seams.objective import AlignmentFirst
from harness.recipe.seams.retriever import ContrastiveStart, FeedForward, RandomStart


@dataclass(frozen=True, slots=True, kw_only=True)
class Staged(Intervention):
    """Trains on the alignment term alone until it stops improving, then on the full loss."""

    id: ClassVar[str] = "retriever.staged"
    title = "Train the retriever first"
    title_zh = "渐进式训练策略"
    section = "7.1"
    why = "Neighbours that an untrained retriever finds are noise for the other terms."
    observable = "The active terms differ by epoch, as planned."
    example_base = ("wiring.cosine", "wiring.retriever_attention")
    as_published = "The alignment term is the only one that reaches the retriever anyway."

    until: Span = parameter(0.3, "latest start of the full loss", low=0.0, high=1.0, search=(0.0, 0.6), span=True)
    patience: int = parameter(2, "epochs without a lower alignment loss that end the first part", low=1, high=100)

    def apply(self, recipe: Recipe) -> Recipe:
        if self.until in (0.0, "0ep"):
            return recipe
        return replace(recipe, curriculum=AlignmentFirst(until=self.until, patience=self.patience))


@dataclass(frozen=True, slots=True, kw_only=True)
class Regularised(Intervention):
    """Increases the retriever's dropout and the weight decay, and adds a term that keeps ``R(s)`` near ``s``."""

    id: ClassVar[str] = "retriever.regularised"
    title = "Regularise the retriever"
    title_zh = "增强正则化"
    priority = "L"
    section = "7.2"
    why = "A small retriever on a frozen backbone may memorise the training set."
    observable = "Each of the three parameters changes its own seam and no other."

    dropout: float = parameter(0.35, "dropout of the retriever, a fraction", low=0.0, high=0.95, search=(0.1, 0.6))
    decay: float = parameter(1e-3, "coupled L2 of Adam", low=0.0, high=1.0, search=(1e-5, 1e-1), log=True)
    align: float = parameter(0.1, "weight of 1 - cos(R(s), s); 0 removes it", low=0.0, high=100.0, search=(0.0, 1.0))

    def apply(self, recipe: Recipe) -> Recipe:
        term = (FeatureAlignment(weight=self.align),) if self.align > 0.0 else ()
        return replace(
            recipe,
            retriever=FeedForward(dropout=self.dropout),
            weight_decay=self.decay,
            extra_terms=(*recipe.extra_terms, *term),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class WarmStart(Intervention):
    """Trains the retriever contrastively before epoch 0, on pairs of prefixes with the same target.

    A random retriever is close to the identity, so there is little to gain on a converged backbone. We measured: on
    Amazon Beauty the hit rate stayed at .0375 after 2 and after 10 epochs; on a planted world with a briefly trained
    backbone it rose from .21 to .31.
    """

    id: ClassVar[str] = "retriever.warm_start"
    title = "Warm up the retriever"
    title_zh = "检索器预热"
    priority = "L"
    section = "7.3"
    why = "A retriever that starts at random finds little, and learns from what it finds."
    observable = "Before epoch 1, more queries have a neighbour with their target than with a random retriever."

    epochs: int = parameter(2, "passes of contrastive training; 0 is the random start", low=0, high=100, search=(1, 10))
    tau: float = parameter(0.1, "temperature of the cosines", low=0.001, high=100.0, search=(0.02, 1.0), log=True)

    def apply(self, recipe: Recipe) -> Recipe:
        start = ContrastiveStart(epochs=self.epochs, temperature=self.tau) if self.epochs else RandomStart()
        return replace(recipe, start=start)
