"""Problem 6: the attention is too sharp."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

from harness.interventions.base import Intervention, ParameterError, parameter
from harness.recipe.recipe import Recipe
from harness.recipe.schedules import Constant, Exponential, Span, ramp
from harness.recipe.seams.attention import DistantNeighbours, HardnessTemperature, SharedTemperature, UndecidedBackbone


@dataclass(frozen=True, slots=True, kw_only=True)
class Raise(Intervention):
    """Sets a higher constant temperature for both distributions."""

    id: ClassVar[str] = "temperature.raise"
    title = "Raise the temperature"
    title_zh = "增加温度参数"
    priority = "H"
    section = "6.1"
    why = "Smoother weights spread over several neighbours, so that their noise averages out."
    observable = "The logits of both distributions shrink as 1/tau."
    example_base = ("wiring.cosine",)
    as_published = "Raw dot products span hundreds, so the attention stays on one neighbour at any such temperature."

    tau: float = parameter(
        0.15, "temperature of both distributions", low=0.001, high=1000.0, search=(0.05, 20.0), log=True
    )

    def apply(self, recipe: Recipe) -> Recipe:
        return replace(recipe, temperature=SharedTemperature(schedule=Constant(self.tau)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Anneal(Intervention):
    """Lowers the temperature geometrically from ``init`` to ``floor`` and keeps it there.

    It reaches the floor at ``until``.
    """

    id: ClassVar[str] = "temperature.anneal"
    title = "Anneal the temperature"
    title_zh = "实现温度退火策略"
    priority = "H"
    section = "6.2"
    why = "Early in training several neighbours should count, at the end the best ones."
    observable = "The temperature differs by epoch, as planned, down to its floor."
    example_base = ("wiring.cosine",)
    as_published = "Raw dot products span hundreds, so the attention stays on one neighbour at any such temperature."

    init: float = parameter(0.2, "temperature at the start", low=0.001, high=1000.0, search=(0.1, 20.0), log=True)
    floor: float = parameter(0.07, "temperature at the end", low=0.001, high=1000.0, search=(0.02, 0.1), log=True)
    until: Span = parameter(0.8, "when the floor is reached", low=0.01, high=1.0, span=True)

    def __post_init__(self) -> None:
        Intervention.__post_init__(self)
        if self.init < self.floor:
            raise ParameterError(f"{self.id}: init {self.init:g} is below floor {self.floor:g}; swap them")

    def apply(self, recipe: Recipe) -> Recipe:
        schedule = ramp(Exponential, start=self.init, end=self.floor, until=self.until)
        return replace(recipe, temperature=SharedTemperature(schedule=schedule))


@dataclass(frozen=True, slots=True, kw_only=True)
class PerSample(Intervention):
    """Gives hard samples a higher temperature: those with distant neighbours, or with an uncertain backbone."""

    id: ClassVar[str] = "temperature.per_sample"
    title = "Temperature per sample"
    title_zh = "样本特异性温度"
    section = "6.3"
    why = "If no neighbour is clearly best, or the backbone is uncertain, several neighbours should count."
    observable = "Tau never falls as samples get harder, and stays within the range."
    example_base = ("wiring.cosine",)
    as_published = "Raw dot products span hundreds, so the attention is one-hot at any temperature of the range."

    low: float = parameter(
        0.07, "temperature of the easiest sample", low=0.001, high=1000.0, search=(0.02, 0.1), log=True
    )
    high: float = parameter(
        0.2, "temperature of the hardest sample, at least low", low=0.001, high=1000.0, search=(0.1, 20.0), log=True
    )
    hardness: str = parameter(
        "similarity",
        "what makes a sample hard: a low best cosine, or a high entropy of the backbone",
        choices=("similarity", "entropy"),
    )

    def __post_init__(self) -> None:
        Intervention.__post_init__(self)
        if self.low > self.high:
            raise ParameterError(
                f"{self.id}: low {self.low:g} exceeds high {self.high:g}, so hard samples would get the lower "
                "temperature; swap the two"
            )

    def apply(self, recipe: Recipe) -> Recipe:
        if self.low == self.high:
            return replace(recipe, temperature=SharedTemperature(schedule=Constant(self.low)))
        hardness = DistantNeighbours() if self.hardness == "similarity" else UndecidedBackbone()
        return replace(recipe, temperature=HardnessTemperature(low=self.low, high=self.high, hardness=hardness))
