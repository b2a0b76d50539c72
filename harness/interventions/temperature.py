"""Problem 6: the attention is too sharp."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

from harness.ftragrec.attention import SharedTemperature
from harness.interventions.base import Intervention, Priority, parameter
from harness.recipe import Recipe
from harness.schedules import Constant, Exponential


@dataclass(frozen=True, slots=True, kw_only=True)
class Raise(Intervention):
    """A higher constant temperature for both distributions.

    Source: seed 6.1.
    """

    id: ClassVar[str] = "temperature.raise"
    title: ClassVar[str] = "Raise the temperature"
    title_zh: ClassVar[str] = "增加温度参数"
    priority: ClassVar[Priority] = "H"
    section: ClassVar[str] = "6.1"
    why: ClassVar[str] = "Smoother weights let several neighbours speak and average their noise."
    observable: ClassVar[str] = "The logits of both distributions shrink as 1/tau."
    example_base: ClassVar[tuple[str, ...]] = ("wiring.cosine",)
    as_found: ClassVar[str] = (
        "Raw dot products span hundreds, so the attention stays with one neighbour at any such temperature."
    )

    tau: float = parameter(
        0.15, "temperature of both distributions", low=0.001, high=1000.0, search=(0.05, 20.0), log=True
    )

    def apply(self, recipe: Recipe) -> Recipe:
        return replace(recipe, temperature=SharedTemperature(schedule=Constant(self.tau)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Anneal(Intervention):
    """A temperature that falls geometrically from ``init`` to ``floor`` and stays there.

    Source: seed 6.2; the decay rate is the one that reaches the floor at ``until``.
    """

    id: ClassVar[str] = "temperature.anneal"
    title: ClassVar[str] = "Anneal the temperature"
    title_zh: ClassVar[str] = "实现温度退火策略"
    priority: ClassVar[Priority] = "H"
    section: ClassVar[str] = "6.2"
    why: ClassVar[str] = "Hot at first to explore, cold at last to commit."
    observable: ClassVar[str] = "The temperature differs by epoch, as planned, down to its floor."
    example_base: ClassVar[tuple[str, ...]] = ("wiring.cosine",)
    as_found: ClassVar[str] = (
        "Raw dot products span hundreds, so the attention stays with one neighbour at any such temperature."
    )

    init: float = parameter(0.2, "temperature at the start", low=0.001, high=1000.0, search=(0.1, 20.0), log=True)
    floor: float = parameter(0.07, "temperature at the end", low=0.001, high=1000.0, search=(0.02, 1.0), log=True)
    until: float = parameter(0.8, "when the floor is reached, as a fraction of the budget", low=0.01, high=1.0)

    def apply(self, recipe: Recipe) -> Recipe:
        schedule = Exponential(start=self.init, end=self.floor, until=self.until)
        return replace(recipe, temperature=SharedTemperature(schedule=schedule))
