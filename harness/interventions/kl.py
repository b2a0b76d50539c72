"""Problem 1: the KL term pulls the wrong way."""

from __future__ import annotations

from dataclasses import dataclass, replace

from harness.interventions.base import Intervention, parameter
from harness.recipe.recipe import Recipe
from harness.recipe.schedules import Constant
from harness.recipe.seams.objective import Jeffreys, JensenShannon, ReverseKL


@dataclass(frozen=True, slots=True, kw_only=True)
class Reverse(Intervention):
    """``KL(P_rec || P_ret)`` instead of ``KL(P_ret || P_rec)``.

    Source: seed 1.1.
    """

    id = "kl.reverse"
    title = "Reverse the KL term"
    title_zh = "反转KL散度计算方向"
    priority = "H"
    section = "1.1"
    why = "The recommender is to learn from what was retrieved, instead of the retriever from the recommender."
    observable = "The gradient equals the closed form of the reversed divergence, the added 1e-8 included."

    def apply(self, recipe: Recipe) -> Recipe:
        return replace(recipe, divergence=ReverseKL())


@dataclass(frozen=True, slots=True, kw_only=True)
class Weight(Intervention):
    """Another weight of the KL term; 0 removes the term and what it costs.

    Source: seed 1.2.
    """

    id = "kl.weight"
    title = "Lower the KL weight"
    title_zh = "降低KL损失权重"
    priority = "H"
    section = "1.2"
    why = (
        "A weaker pull towards the recommender leaves the retriever room; without it only the recommendation task "
        "trains."
    )
    observable = "The term's contribution scales exactly with the weight, and at 0 the term is never computed."

    weight: float = parameter(
        0.01, "factor of the KL term; 0 removes it", low=0.0, high=100.0, search=(0.0003, 1.0), log=True
    )

    def apply(self, recipe: Recipe) -> Recipe:
        return replace(recipe, alignment_weight=Constant(self.weight))


@dataclass(frozen=True, slots=True, kw_only=True)
class Symmetric(Intervention):
    """A two-way divergence: Jensen-Shannon (bounded by ln 2) or Jeffreys (mean of both directions).

    Source: seed 1.3.
    """

    id = "kl.symmetric"
    title = "Two-way KL"
    title_zh = "双向KL损失"
    priority = "H"
    section = "1.3"
    why = "If both distributions learn from each other, neither drags the other along."
    observable = "Swapping the two distributions changes nothing, and Jensen-Shannon stays within ln 2."

    form: str = parameter("js", "which two-way divergence", choices=("js", "jeffreys"))

    def apply(self, recipe: Recipe) -> Recipe:
        return replace(recipe, divergence=JensenShannon() if self.form == "js" else Jeffreys())
