"""Problem 2: a frozen backbone, unbalanced learning rates."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

from harness.ftragrec.fusion import ScheduledShare
from harness.interventions.base import Intervention, Priority, parameter
from harness.recipe import Recipe
from harness.schedules import Cosine, Linear, Span


@dataclass(frozen=True, slots=True, kw_only=True)
class AlphaRamp(Intervention):
    """A share of the retrieved knowledge that grows over training; evaluation uses the epoch's share.

    Source: seed 2.3.
    """

    id: ClassVar[str] = "training.alpha_ramp"
    title: ClassVar[str] = "Grow alpha"
    title_zh: ClassVar[str] = "增加alpha参数"
    priority: ClassVar[Priority] = "H"
    section: ClassVar[str] = "2.3"
    why: ClassVar[str] = "Little trust in the retriever while it is new, more as it learns."
    observable: ClassVar[str] = "The share differs by epoch, and evaluation uses that of its epoch."
    example_base: ClassVar[tuple[str, ...]] = ("wiring.scale",)
    as_found: ClassVar[str] = (
        "The knowledge is some thirty times shorter than ``s``, so any share of it leaves the ranking nearly as it was."
    )

    start: float = parameter(0.1, "share at the start, a fraction", low=0.0, high=1.0, search=(0.0, 0.3))
    end: float = parameter(0.25, "share at the end, a fraction", low=0.0, high=1.0, search=(0.15, 0.5))
    until: Span = parameter(0.5, "when the end is reached", low=0.01, high=1.0, span=True)
    shape: str = parameter("linear", "how it grows", choices=("linear", "cosine"))

    def apply(self, recipe: Recipe) -> Recipe:
        ramp = Linear if self.shape == "linear" else Cosine
        return replace(recipe, share=ScheduledShare(schedule=ramp(start=self.start, end=self.end, until=self.until)))
