"""A spec of the seam ``combiner`` that treats the weighted terms as equally important objectives."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from torch import Tensor, nn


class Aggregator(Enum):
    """The rule that combines the gradients of several objectives."""

    UPGRAD = "upgrad"
    MGDA = "mgda"
    PCGRAD = "pcgrad"


@dataclass(frozen=True, slots=True, kw_only=True)
class JacobianAggregation:
    """Combines the gradients of the weighted terms (one row per term) by a rule that resolves conflicts.

    If no two rows conflict, UPGrad and PCGrad return the plain sum. MGDA returns the shortest vector in the convex
    hull of the rows, here times the number of rows, so that equal rows give the plain sum as well.

    Source: problem list 5.3; Quinton and Rey, arXiv 2406.16232 (UPGrad); Désidéri, C. R. Math. 2012 (MGDA); Yu et al.,
    NeurIPS 2020, algorithm 1 (PCGrad).

    Attributes:
        aggregator: the rule.
    """

    min_terms: ClassVar[int] = 2

    aggregator: Aggregator = Aggregator.UPGRAD

    def backward(self, weighted: Sequence[Tensor], parameters: Sequence[nn.Parameter]) -> None:
        """Add the aggregated gradient to the parameters' ``grad``; a single term is differentiated as usual."""
        from harness.engine.live.jacobian import aggregate_gradients

        aggregate_gradients(weighted, parameters, self.aggregator.value)
