"""Problem 3: the memory goes stale and holds no quality control."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

from harness.ftragrec.search import MinimumCosine, Stage
from harness.interventions.base import Intervention, Priority, parameter
from harness.recipe import Recipe

_STAGES = {"train": (Stage.TRAIN,), "eval": (Stage.EVAL,), "both": (Stage.TRAIN, Stage.EVAL)}


@dataclass(frozen=True, slots=True, kw_only=True)
class QualityFilter(Intervention):
    """Neighbours under a cosine are masked; a sample with none left is scored as the backbone scores it.

    Source: seed 3.3.
    """

    id: ClassVar[str] = "index.quality_filter"
    title: ClassVar[str] = "Filter neighbours by similarity"
    title_zh: ClassVar[str] = "检索质量过滤"
    priority: ClassVar[Priority] = "H"
    section: ClassVar[str] = "3.3"
    why: ClassVar[str] = "Poor neighbours are worse than none."
    observable: ClassVar[str] = (
        "No neighbour under the threshold is left, and a sample without any scores as the backbone scores it."
    )

    threshold: float = parameter(0.6, "smallest cosine of a neighbour", low=-1.0, high=1.0, search=(0.0, 0.95))
    where: str = parameter("both", "where the filter acts", choices=("train", "eval", "both"))

    def apply(self, recipe: Recipe) -> Recipe:
        return replace(
            recipe, filters=(*recipe.filters, MinimumCosine(threshold=self.threshold, stages=_STAGES[self.where]))
        )
