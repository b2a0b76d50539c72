"""Problem 1: the KL term pulls the wrong way."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

from harness.interventions.base import Intervention, Priority, parameter
from harness.recipe.recipe import Recipe
from harness.recipe.schedules import Constant
from harness.recipe.seams.objective import Jeffreys, JensenShannon, ReverseKL


@dataclass(frozen=True, slots=True, kw_only=True)
class Reverse(Intervention):
    """``KL(P_rec || P_ret)`` instead of ``KL(P_ret || P_rec)``.

    Source: seed 1.1.
    """

    id: ClassVar[str] = "kl.reverse"
    title: ClassVar[str] = "Reverse the KL term"
    title_zh: ClassVar[str] = "反转KL散度计算方向"
    priority: ClassVar[Priority] = "H"
    section: ClassVar[str] = "1.1"
    why: ClassVar[str] = (
        "The recommender is to learn from what was retrieved, instead of the retriever from the recommender."
    )
    observable: ClassVar[str] = (
        "The gradient equals the closed form of the reversed divergence, the added 1e-8 included."
    )

    def apply(self, recipe: Recipe) -> Recipe:
        return replace(recipe, divergence=ReverseKL())


@dataclass(frozen=True, slots=True, kw_only=True)
class Weight(Intervention):
    """Another weight of the KL term; 0 removes the term and what it costs.

    Source: seed 1.2.
    """

    id: ClassVar[str] = "kl.weight"
    title: ClassVar[str] = "Lower the KL weight"
    title_zh: ClassVar[str] = "降低KL损失权重"
    priority: ClassVar[Priority] = "H"
    section: ClassVar[str] = "1.2"
    why: ClassVar[str] = (
        "A weaker pull towards the recommender leaves the retriever room; without it only the recommendation task "
        "trains."
    )
    observable: ClassVar[str] = (
        "The term's contribution scales exactly with the weight, and at 0 the term is never computed."
    )

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

    id: ClassVar[str] = "kl.symmetric"
    title: ClassVar[str] = "Two-way KL"
    title_zh: ClassVar[str] = "双向KL损失"
    priority: ClassVar[Priority] = "H"
    section: ClassVar[str] = "1.3"
    why: ClassVar[str] = "If both distributions learn from each other, neither drags the other along."
    observable: ClassVar[str] = "Swapping the two distributions changes nothing, and Jensen-Shannon stays within ln 2."

    form: str = parameter("js", "which two-way divergence", choices=("js", "jeffreys"))

    def apply(self, recipe: Recipe) -> Recipe:
        return replace(recipe, divergence=JensenShannon() if self.form == "js" else Jeffreys())
