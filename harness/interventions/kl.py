"""Problem 1: the direction of the KL term."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

from harness.interventions.base import Intervention, parameter
from harness.recipe.recipe import Recipe
from harness.recipe.schedules import Constant
from harness.recipe.seams.objective import Jeffreys, JensenShannon, ReverseKL


@dataclass(frozen=True, slots=True, kw_only=True)
class Reverse(Intervention):
    """Reverses the KL term: ``KL(P_rec || P_ret)`` instead of ``KL(P_ret || P_rec)``."""

    id: ClassVar[str] = "kl.reverse"
    title = "Reverse the KL term"
    title_zh = "反转 KL 散度计算方向"
    priority = "H"
    section = "1.1"
    why = "The recommender should learn from what was retrieved, not the retriever from the recommender."
    observable = "The gradient equals the closed form of the reversed divergence, including the added 1e-8."

    def apply(self, recipe: Recipe) -> Recipe:
        return replace(recipe, divergence=ReverseKL())


@dataclass(frozen=True, slots=True, kw_only=True)
class Weight(Intervention):
    """Sets another weight of the KL term; 0 removes the term and its cost."""

    id: ClassVar[str] = "kl.weight"
    title = "Lower the KL weight"
    title_zh = "降低 KL 损失权重"
    priority = "H"
    section = "1.2"
    why = (
        "With a smaller weight the retriever need not imitate the recommender; at 0 only the recommendation task "
        "trains it."
    )
    observable = "The term's contribution scales exactly with the weight; at 0 the term is not computed."

    weight: float = parameter(
        0.01, "factor of the KL term; 0 removes it", low=0.0, high=100.0, search=(0.0003, 1.0), log=True
    )

    def apply(self, recipe: Recipe) -> Recipe:
        return replace(recipe, alignment_weight=Constant(self.weight))


@dataclass(frozen=True, slots=True, kw_only=True)
class Symmetric(Intervention):
    """Uses a two-way divergence: Jensen-Shannon (at most ln 2) or Jeffreys (the mean of both directions)."""

    id: ClassVar[str] = "kl.symmetric"
    title = "Two-way KL"
    title_zh = "双向 KL 损失"
    priority = "H"
    section = "1.3"
    why = "Each distribution moves towards the other, so that neither only imitates."
    observable = "Swapping the two distributions does not change the term, and Jensen-Shannon is at most ln 2."

    form: str = parameter("js", "which two-way divergence", choices=("js", "jeffreys"))

    def apply(self, recipe: Recipe) -> Recipe:
        return replace(recipe, divergence=JensenShannon() if self.form == "js" else Jeffreys())
