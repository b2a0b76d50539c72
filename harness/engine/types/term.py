"""One term of the loss."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Term:
    """One term of the loss of one batch, computed on demand.

    Attributes:
        name: such as ``recommendation``, ``enhanced`` or ``alignment``.
        weight: its factor in the loss; at 0 it is never computed.
        inputs: the tensors through which a gradient could leave the term.
        value: computes the mean over a slice of the batch's samples, nats.
    """

    name: str
    weight: float
    inputs: tuple[Tensor, ...]
    value: Callable[[slice], Tensor]

    @property
    def trains(self) -> bool:
        """Return whether the term can move any tensor that trains now."""
        return self.weight != 0.0 and any(each.requires_grad for each in self.inputs)


def mean_over(values: Tensor, chosen: Tensor) -> Tensor:
    """Mean of ``values`` over the chosen samples, 0 if none is chosen, ``()``."""
    return (values * chosen).sum() / chosen.sum().clamp(min=1)
