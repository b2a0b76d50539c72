"""The terms of the loss over an epoch, and a guard against numbers that are not finite."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from harness.errors import FtrError

if TYPE_CHECKING:
    import torch


class NonFiniteError(FtrError):
    """A loss or a gradient is not finite."""


@dataclass(slots=True, kw_only=True)
class LossLog:
    """Adds up the terms of an epoch and stops the run at the first number that is not finite."""

    epoch: int
    steps: int = 0
    sums: dict[str, list[float]] = field(default_factory=dict)

    def add(self, term: str, value: float) -> None:
        if not math.isfinite(value):
            raise self.not_finite(f"loss term {term} is {value}")
        self.sums.setdefault(term, []).append(value)

    def add_all(self, values: Mapping[str, float]) -> None:
        for term, value in values.items():
            self.add(term, value)

    def check_gradients(self, optimizer: torch.optim.Optimizer) -> None:
        for group in optimizer.param_groups:
            for each in group["params"]:
                if each.grad is not None and not math.isfinite(each.grad.sum().item()):
                    raise self.not_finite(f"a gradient of group {group['name']} is not finite")

    def not_finite(self, what: str) -> NonFiniteError:
        last = ", ".join(f"{term} {values[-1]:.6g}" for term, values in self.sums.items()) or "none"
        return NonFiniteError(
            f"{what} at epoch {self.epoch}, step {self.steps + 1}; last finite values: {last}; "
            "lower the learning rate or the term's weight, or raise the temperature"
        )

    def means(self) -> dict[str, float]:
        return {term: math.fsum(values) / len(values) for term, values in self.sums.items()}
