"""What base itself is searched over: its own numbers, each an intervention on one seam."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

from harness.interventions.base import Intervention, Value, parameter
from harness.recipe.recipe import Recipe
from harness.recipe.schedules import Constant, Schedule
from harness.recipe.seams.attention import SharedTemperature
from harness.recipe.seams.fusion import ScheduledShare
from harness.recipe.seams.search import TopK


@dataclass(frozen=True, slots=True, kw_only=True)
class BaseParameter(Intervention):
    """A number of the base recipe, with the range that a search explores; it has one parameter."""

    @classmethod
    def found_in(cls, recipe: Recipe) -> Value | None:
        """Its value in a recipe; None where the seam holds no such number."""
        raise NotImplementedError(f"{cls.__name__} must define found_in(recipe)")

    @classmethod
    def key(cls) -> str:
        """The name of its parameter."""
        (name,) = cls.domains()
        return name

    @classmethod
    def at(cls, value: Value) -> BaseParameter:
        """The same at a value."""
        made = cls.from_settings({cls.key(): value})
        assert isinstance(made, BaseParameter)
        return made


@dataclass(frozen=True, slots=True, kw_only=True)
class LearningRate(BaseParameter):
    """Adam's step size of the retriever and the fusion.  Source: FTragrec as found, point 11."""

    id: ClassVar[str] = "base.lr"
    title: ClassVar[str] = "Learning rate"

    lr: float = parameter(
        1e-3, "Adam's step size of the retriever and the fusion", low=1e-8, high=1.0, search=(1e-4, 1e-2), log=True
    )

    @classmethod
    def found_in(cls, recipe: Recipe) -> Value | None:
        return recipe.learning_rates.new_parts

    def apply(self, recipe: Recipe) -> Recipe:
        return replace(recipe, learning_rates=replace(recipe.learning_rates, new_parts=self.lr))


@dataclass(frozen=True, slots=True, kw_only=True)
class NumberOfNeighbours(BaseParameter):
    """Neighbours of a sample.  Source: FTragrec as found, point 4."""

    id: ClassVar[str] = "base.top_k"
    title: ClassVar[str] = "Number of neighbours"

    top_k: int = parameter(5, "neighbours of a sample", low=1, high=1000, search=(1, 40), log=True)

    @classmethod
    def found_in(cls, recipe: Recipe) -> Value | None:
        return recipe.selection.k if isinstance(recipe.selection, TopK) else None

    def apply(self, recipe: Recipe) -> Recipe:
        assert isinstance(recipe.selection, TopK)
        return replace(recipe, selection=replace(recipe.selection, k=self.top_k))


@dataclass(frozen=True, slots=True, kw_only=True)
class Alpha(BaseParameter):
    """The share of the retrieved knowledge.  Source: FTragrec as found, point 7."""

    id: ClassVar[str] = "base.alpha"
    title: ClassVar[str] = "Alpha"

    alpha: float = parameter(
        0.15, "share of the knowledge in the enhanced vector, a fraction", low=0.0, high=1.0, search=(0.0, 0.8)
    )

    @classmethod
    def found_in(cls, recipe: Recipe) -> Value | None:
        return _constant(recipe.share.schedule) if isinstance(recipe.share, ScheduledShare) else None

    def apply(self, recipe: Recipe) -> Recipe:
        return replace(recipe, share=ScheduledShare(schedule=Constant(self.alpha)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Tau(BaseParameter):
    """The temperature of both distributions.  Source: FTragrec as found, points 5 and 7."""

    id: ClassVar[str] = "base.tau"
    title: ClassVar[str] = "Temperature"

    tau: float = parameter(
        0.07, "temperature of both distributions", low=0.001, high=1000.0, search=(0.02, 20.0), log=True
    )

    @classmethod
    def found_in(cls, recipe: Recipe) -> Value | None:
        shared = recipe.temperature
        return _constant(shared.schedule) if isinstance(shared, SharedTemperature) else None

    def apply(self, recipe: Recipe) -> Recipe:
        return replace(recipe, temperature=SharedTemperature(schedule=Constant(self.tau)))


@dataclass(frozen=True, slots=True, kw_only=True)
class EnhancedWeight(BaseParameter):
    """The weight of the enhanced loss.  Source: FTragrec as found, point 8."""

    id: ClassVar[str] = "base.enhanced_weight"
    title: ClassVar[str] = "Weight of the enhanced loss"

    enhanced_weight: float = parameter(
        0.5, "factor of the enhanced loss", low=0.0, high=100.0, search=(0.05, 2.0), log=True
    )

    @classmethod
    def found_in(cls, recipe: Recipe) -> Value | None:
        return _constant(recipe.enhanced_weight)

    def apply(self, recipe: Recipe) -> Recipe:
        return replace(recipe, enhanced_weight=Constant(self.enhanced_weight))


@dataclass(frozen=True, slots=True, kw_only=True)
class AlignmentWeight(BaseParameter):
    """The weight of the KL term.  Source: FTragrec as found, point 8."""

    id: ClassVar[str] = "base.alignment_weight"
    title: ClassVar[str] = "Weight of the KL term"

    alignment_weight: float = parameter(
        0.03, "factor of the KL term", low=0.0, high=100.0, search=(0.0003, 1.0), log=True
    )

    @classmethod
    def found_in(cls, recipe: Recipe) -> Value | None:
        return _constant(recipe.alignment_weight)

    def apply(self, recipe: Recipe) -> Recipe:
        return replace(recipe, alignment_weight=Constant(self.alignment_weight))


BASE_SPACE: tuple[type[BaseParameter], ...] = (
    LearningRate,
    NumberOfNeighbours,
    Alpha,
    Tau,
    EnhancedWeight,
    AlignmentWeight,
)
"""What a search may set in base, in the order of the report."""


def _constant(schedule: Schedule) -> float | None:
    return schedule.value if isinstance(schedule, Constant) else None
