"""Problem 5: the weights of the three terms."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

from harness.interventions.base import Intervention, ParameterError, parameter
from harness.recipe.recipe import Recipe
from harness.recipe.schedules import Constant, Linear, OnValidation, Progress, Span, ramp
from harness.recipe.seams.combiner import Aggregator, JacobianAggregation
from harness.recipe.seams.objective import AllSamples, CloseNeighbours


@dataclass(frozen=True, slots=True, kw_only=True)
class Ramp(Intervention):
    """Raises the weight of the enhanced loss during training, from a small value."""

    id: ClassVar[str] = "loss.ramp"
    title = "Ramp the enhanced loss"
    title_zh = "动态损失权重"
    priority = "H"
    section = "5.1"
    why = "The enhanced loss should not weigh half as much as the main one while neighbours are still poor."
    observable = "The weight of the enhanced loss differs by epoch, as planned."
    example_base = ("wiring.cosine", "wiring.retriever_attention")
    as_published = "The enhanced loss has no gradient path to the retriever, so its weight has no effect on training."

    start: float = parameter(0.1, "weight at the start", low=0.0, high=100.0, search=(0.0, 0.5))
    end: float = parameter(0.4, "weight at the end", low=0.0, high=100.0, search=(0.2, 1.0))
    until: Span = parameter(0.5, "when the end is reached", low=0.01, high=1.0, span=True)

    def apply(self, recipe: Recipe) -> Recipe:
        schedule = ramp(Linear, start=self.start, end=self.end, until=self.until)
        return replace(recipe, enhanced_weight=schedule)


@dataclass(frozen=True, slots=True, kw_only=True)
class Adaptive(Intervention):
    """Raises the weight of the enhanced loss after epochs in which retrieval helped validation, otherwise lowers it."""

    id: ClassVar[str] = "loss.adaptive"
    title = "Adapt the loss weights to validation"
    title_zh = "基于验证集性能自动调整权重"
    priority = "H"
    section = "5.1"
    why = "The enhanced loss should weigh more while retrieval helps."
    observable = "The weight changes by epoch as the validation metric with and without retrieval decides."
    example_base = ("wiring.cosine", "wiring.retriever_attention")
    as_published = "The enhanced loss has no gradient path to the retriever, so its weight has no effect on training."
    follows_valid = True

    rate: float = parameter(
        0.2, "change of the weight after an epoch, a fraction", low=0.0, high=0.99, search=(0.05, 0.5)
    )
    low: float = parameter(0.05, "smallest weight", low=0.0, high=100.0)
    high: float = parameter(1.0, "largest weight", low=0.0, high=100.0)

    def __post_init__(self) -> None:
        Intervention.__post_init__(self)
        if self.low > self.high:
            raise ParameterError(f"{self.id}: low {self.low:g} is above high {self.high:g}; swap them")

    def apply(self, recipe: Recipe) -> Recipe:
        start = recipe.enhanced_weight(Progress(epoch=0, epochs=1))
        if self.rate == 0.0:
            return replace(recipe, enhanced_weight=Constant(start))
        schedule = OnValidation(start=start, rate=self.rate, low=self.low, high=self.high)
        return replace(recipe, enhanced_weight=schedule)


@dataclass(frozen=True, slots=True, kw_only=True)
class Conditional(Intervention):
    """Applies the retrieval terms only to samples whose neighbours are close on average."""

    id: ClassVar[str] = "loss.conditional"
    title = "Condition the loss on retrieval quality"
    title_zh = "基于检索质量的条件损失"
    section = "5.2"
    why = "Where the neighbours are poor, only the plain loss should train."
    observable = "Samples below the threshold give exactly no gradient to the enhanced loss and the KL term."

    threshold: float = parameter(
        0.6, "smallest mean cosine of a sample's neighbours", low=-1.0, high=1.0, search=(0.0, 0.95)
    )

    def apply(self, recipe: Recipe) -> Recipe:
        mask = AllSamples() if self.threshold == -1.0 else CloseNeighbours(threshold=self.threshold)
        return replace(recipe, sample_mask=mask)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pareto(Intervention):
    """Treats the weighted terms as separate objectives and combines their gradients by how they conflict.

    Source: Quinton and Rey, arXiv 2406.16232 (UPGrad); Désidéri, C. R. Math. 2012 (MGDA); Yu et al., NeurIPS
    2020 (PCGrad).
    """

    id: ClassVar[str] = "loss.pareto"
    title = "Balance the terms by their conflict"
    title_zh = "多目标优化策略"
    priority = "L"
    section = "5.3"
    why = "In a plain sum the term with the largest gradient dominates; here no term improves at the cost of another."
    observable = "To first order the gradient before Adam raises no term (UPGrad, MGDA) where the plain sum raises one."
    example_base = ("wiring.cosine", "wiring.retriever_attention")
    as_published = "Only the KL term reaches the retriever, so there is nothing to combine."

    aggregator: str = parameter("upgrad", "how gradients are combined", choices=("upgrad", "mgda", "pcgrad"))

    def apply(self, recipe: Recipe) -> Recipe:
        return replace(recipe, combiner=JacobianAggregation(aggregator=Aggregator(self.aggregator)))
