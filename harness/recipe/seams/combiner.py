"""A spec of the seam ``combiner`` that treats the weighted terms as objectives of equal rank."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from torch import Tensor, nn


class Aggregator(Enum):
    """How the gradients of several objectives become one."""

    UPGRAD = "upgrad"
    MGDA = "mgda"
    PCGRAD = "pcgrad"


@dataclass(frozen=True, slots=True, kw_only=True)
class JacobianAggregation:
    """One gradient from those of the weighted terms, a row each, by how they conflict.

    Where no two rows conflict, UPGrad and PCGrad give the plain sum. MGDA gives the shortest vector of the rows'
    convex hull, here times the number of rows, so that equal rows give the plain sum as well.

    Source: seed 5.3; Quinton and Rey, arXiv 2406.16232 (UPGrad); Désidéri, C. R. Math. 2012 (MGDA); Yu et al.,
    NeurIPS 2020, algorithm 1 (PCGrad).

    Attributes:
        aggregator: the rule.
    """

    min_terms: ClassVar[int] = 2

    aggregator: Aggregator = Aggregator.UPGRAD

    def backward(self, weighted: Sequence[Tensor], parameters: Sequence[nn.Parameter]) -> None:
        """Leave the aggregated gradient; one term alone is differentiated as usual."""
        from harness.engine.live.jacobian import aggregate_gradients

        aggregate_gradients(weighted, parameters, self.aggregator.value)
