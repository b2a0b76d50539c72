"""Problem 8: training and evaluation differ."""

from __future__ import annotations

from dataclasses import dataclass, replace

from harness.interventions.base import Intervention, parameter
from harness.recipe.recipe import Recipe
from harness.recipe.schedules import Span
from harness.recipe.seams.checkpoint import BestOfBoth, OffThenOn
from harness.recipe.seams.phases import BackboneDropout
from harness.recipe.seams.search import CleanQuery


@dataclass(frozen=True, slots=True, kw_only=True)
class Consistent(Intervention):
    """Training retrieves as evaluation does: no backbone dropout, and the search asks with the clean query.

    Exclusion, tau and alpha are the same in both as found; a filter that acts in one stage only is refused beside it.

    Source: seed 8.1.
    """

    id = "evaluation.consistent"
    title = "One retrieval path"
    title_zh = "一致性评估"
    section = "8.1"
    why = "What is learnt from noisy queries against clean keys may not hold when the queries are clean."
    observable = "A prefix finds the same neighbours in training as in evaluation."

    def apply(self, recipe: Recipe) -> Recipe:
        return replace(recipe, backbone_dropout=BackboneDropout.OFF, search_query=CleanQuery())


@dataclass(frozen=True, slots=True, kw_only=True)
class Dual(Intervention):
    """The checkpoint and whether it is served with retrieval are chosen together on valid.

    The run is measured both ways in any case; its effect is that of the mode in which it would be served.

    Source: seed 8.2.
    """

    id = "evaluation.dual"
    title = "Choose with and without retrieval"
    title_zh = "双重评估"
    priority = "M"
    section = "8.2"
    why = "Where retrieval does harm, a system that knows it would do without."
    observable = "Both figures are there at every epoch, and the choice differs where off is better."
    example_base = ("wiring.values",)
    as_found = (
        "With a frozen backbone the figure without retrieval never moves, and that with it hardly differs, so the "
        "choice matters little."
    )

    select_on: str = parameter(
        "best", "the figure that chooses: the better of both, or that without retrieval", choices=("best", "off")
    )

    def apply(self, recipe: Recipe) -> Recipe:
        rule = BestOfBoth(metric=recipe.checkpoint.metric, off_only=self.select_on == "off")
        return replace(recipe, checkpoint=rule)


@dataclass(frozen=True, slots=True, kw_only=True)
class Staged(Intervention):
    """Validation without retrieval at first, then with it; best epoch and patience start anew at the switch.

    Source: seed 8.3.
    """

    id = "evaluation.staged"
    title = "Switch retrieval on late"
    title_zh = "分阶段评估"
    section = "8.3"
    why = "Early epochs with an untrained retriever should neither win nor use up the patience."
    observable = "The record says which mode chose the checkpoint; no epoch before the switch is kept."

    until: Span = parameter(0.3, "when retrieval is switched on", low=0.0, high=1.0, search=(0.0, 0.6), span=True)

    def apply(self, recipe: Recipe) -> Recipe:
        if self.until in (0.0, "0ep"):
            return recipe
        return replace(recipe, checkpoint=OffThenOn(metric=recipe.checkpoint.metric, until=self.until))
