"""Problem 8: training and evaluation differ."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

from harness.interventions.base import Intervention, parameter
from harness.recipe.recipe import Recipe
from harness.recipe.schedules import Span
from harness.recipe.seams.checkpoint import BestOfBoth, OffThenOn
from harness.recipe.seams.phases import BackboneDropout
from harness.recipe.seams.retrieval.search import CleanQuery


@dataclass(frozen=True, slots=True, kw_only=True)
class Consistent(Intervention):
    """Makes training retrieve as evaluation does: no backbone dropout, and the search uses the clean query.

    As published, exclusion, tau and alpha are already the same in both. A filter for one stage only is refused with it.
    """

    id: ClassVar[str] = "evaluation.consistent"
    title = "Same retrieval in training and evaluation"
    title_zh = "一致性评估"
    section = "8.1"
    why = "What is learned from noisy queries against clean keys may not hold for clean queries."
    observable = "A prefix finds the same neighbours in training as in evaluation."

    def apply(self, recipe: Recipe) -> Recipe:
        return replace(recipe, backbone_dropout=BackboneDropout.OFF, search_query=CleanQuery())


@dataclass(frozen=True, slots=True, kw_only=True)
class Dual(Intervention):
    """Chooses the checkpoint on the validation set together with whether it is served with retrieval.

    Every run is measured with and without retrieval; its effect is that of the mode in which it would be served.
    """

    id: ClassVar[str] = "evaluation.dual"
    title = "Evaluate with and without retrieval"
    title_zh = "双重评估"
    priority = "M"
    section = "8.2"
    why = "A system that measures both modes would serve without retrieval where retrieval does harm."
    observable = (
        "Both figures exist at every epoch, and the choice differs where the figure without retrieval is better."
    )
    example_base = ("wiring.values",)
    as_published = (
        "With a frozen backbone, the figure without retrieval never changes, and the one with retrieval hardly differs."
    )

    select_on: str = parameter(
        "best", "the figure that chooses: the better of both, or the one without retrieval", choices=("best", "off")
    )

    def apply(self, recipe: Recipe) -> Recipe:
        rule = BestOfBoth(metric=recipe.checkpoint.metric, off_only=self.select_on == "off")
        return replace(recipe, checkpoint=rule)


@dataclass(frozen=True, slots=True, kw_only=True)
class Staged(Intervention):
    """Validates without retrieval at first, then with it; the switch resets best epoch and patience."""

    id: ClassVar[str] = "evaluation.staged"
    title = "Switch retrieval on late"
    title_zh = "分阶段评估"
    section = "8.3"
    why = "Early epochs with an untrained retriever should neither win nor use up the patience."
    observable = "The record names the mode that chose the checkpoint; no epoch before the switch is kept."

    until: Span = parameter(
        0.3, "when validation with retrieval begins", low=0.0, high=1.0, search=(0.0, 0.6), span=True
    )

    def apply(self, recipe: Recipe) -> Recipe:
        if self.until in (0.0, "0ep"):
            return recipe
        return replace(recipe, checkpoint=OffThenOn(metric=recipe.checkpoint.metric, until=self.until))
