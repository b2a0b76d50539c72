"""The parameters of base that a search may set: single numbers, each in one seam."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, cast

from harness.interventions.domains import Number, Value, Whole
from harness.recipe.compose import Remedy
from harness.recipe.recipe import Recipe
from harness.recipe.schedules import Constant, Schedule
from harness.recipe.seams.attention import SharedTemperature
from harness.recipe.seams.fusion import ScheduledShare
from harness.recipe.seams.retrieval.search import TopK


@dataclass(frozen=True, slots=True, kw_only=True)
class BaseParameter:
    """A number of the base recipe.

    Attributes:
        id: such as ``base.lr``.
        domain: its allowed values, with the range that a search explores.
        seam: the field of the recipe that holds it.
        read: gets the number from the content of the seam; None if that has no such number.
        write: returns the content of the seam with another value of the number.
    """

    id: str
    domain: Number
    seam: str
    read: Callable[[Any], Value | None]
    write: Callable[[Any, Any], object]

    def found_in(self, recipe: Recipe) -> Value | None:
        """Its value in a recipe; None where the seam holds no such number."""
        return self.read(getattr(recipe, self.seam))

    def at(self, value: Value) -> Remedy:
        """A setting of the parameter to a value, which composes with remedies."""
        # The protocol declares the id on the class; here it comes from the parameter.
        return cast(Remedy, BaseSetting(parameter=self, value=value))


@dataclass(frozen=True, slots=True, kw_only=True)
class BaseSetting:
    """A parameter of base at a value; composes as a remedy does."""

    parameter: BaseParameter
    value: Value

    @property
    def id(self) -> str:
        return self.parameter.id

    def __str__(self) -> str:
        return f"{self.id} at {self.value}"

    def apply(self, recipe: Recipe) -> Recipe:
        """The recipe with the parameter at that value."""
        seam = self.parameter.seam
        return replace(recipe, **{seam: self.parameter.write(getattr(recipe, seam), self.value)})


def _constant(schedule: Schedule) -> float | None:
    return schedule.value if isinstance(schedule, Constant) else None


BASE_SPACE: tuple[BaseParameter, ...] = (
    BaseParameter(  # Source: FTragrec as published, point 11
        id="base.lr",
        domain=Number(
            meaning="Adam's step size of the retriever and the fusion",
            low=1e-8,
            high=1.0,
            search=(1e-4, 1e-2),
            log=True,
        ),
        seam="learning_rates",
        read=lambda rates: rates.new_parts,
        write=lambda rates, value: replace(rates, new_parts=value),
    ),
    BaseParameter(  # point 4
        id="base.top_k",
        domain=Whole(meaning="neighbours of a sample", low=1, high=1000, search=(1, 40), log=True),
        seam="selection",
        read=lambda selection: selection.k if isinstance(selection, TopK) else None,
        write=lambda selection, value: replace(selection, k=value),
    ),
    BaseParameter(  # point 7
        id="base.alpha",
        domain=Number(
            meaning="share of the knowledge in the enhanced vector, a fraction",
            low=0.0,
            high=1.0,
            search=(0.0, 0.8),
        ),
        seam="share",
        read=lambda share: _constant(share.schedule) if isinstance(share, ScheduledShare) else None,
        write=lambda share, value: ScheduledShare(schedule=Constant(value)),
    ),
    BaseParameter(  # points 5 and 7
        id="base.tau",
        domain=Number(
            meaning="temperature of both distributions",
            low=0.001,
            high=1000.0,
            search=(0.02, 20.0),
            log=True,
        ),
        seam="temperature",
        read=lambda shared: _constant(shared.schedule) if isinstance(shared, SharedTemperature) else None,
        write=lambda shared, value: SharedTemperature(schedule=Constant(value)),
    ),
    BaseParameter(  # point 8
        id="base.enhanced_weight",
        domain=Number(meaning="factor of the enhanced loss", low=0.0, high=100.0, search=(0.05, 2.0), log=True),
        seam="enhanced_weight",
        read=_constant,
        write=lambda weight, value: Constant(value),
    ),
    BaseParameter(  # point 8
        id="base.alignment_weight",
        domain=Number(meaning="factor of the KL term", low=0.0, high=100.0, search=(0.0003, 1.0), log=True),
        seam="alignment_weight",
        read=_constant,
        write=lambda weight, value: Constant(value),
    ),
)
"""The parameters of base that a search may set, in the order of the report."""
