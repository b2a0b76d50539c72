"""Seam ``scorer``: computes scores from vectors and neighbours."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, ClassVar, Protocol

if TYPE_CHECKING:
    from torch import Tensor

    from harness.data.split import Indices
    from harness.engine.live.mixing.masses import LiveMass
    from harness.engine.types.inputs import Inputs
    from harness.engine.types.snapshot import LiveScorer


class Onto(Enum):
    """The vector whose scores the neighbours are mixed into."""

    BACKBONE = "backbone"
    ENHANCED = "enhanced"


class Scorer(Protocol):
    """A spec of the seam ``scorer``.

    Attributes:
        reads_neighbours: whether its scores depend on the seams ``neighbours``, ``dense`` and ``calibration``.
    """

    reads_neighbours: ClassVar[bool]

    @property
    def reads_enhanced(self) -> bool:
        """Whether its scores depend on the enhanced vector."""
        ...

    @property
    def neutral(self) -> bool:
        """Whether neighbours have no effect on its scores at this setting."""
        ...

    def build(self, inputs: Inputs, masses: Sequence[LiveMass], temperature: float) -> LiveScorer:
        """Return the live scorer over the current backbone.

        Args:
            inputs: data, backbone and encodings.
            masses: one distribution over the items per kind of neighbours; empty if the scorer reads none.
            temperature: the vector's scores are divided by it before neighbours are mixed in.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class EnhancedDot:
    """Score of item i: ``enhanced . e_i``.  Source: FTragrec as published, point 10."""

    reads_neighbours: ClassVar[bool] = False

    @property
    def reads_enhanced(self) -> bool:
        return True

    @property
    def neutral(self) -> bool:
        return True

    def build(self, inputs: Inputs, masses: Sequence[LiveMass], temperature: float) -> LiveScorer:
        """Return the product with the backbone's item embeddings."""
        return _Dot(inputs.item_matrix)


class _Dot:
    def __init__(self, item_matrix: Tensor) -> None:
        self._item_matrix = item_matrix

    def scores(self, *, sequence: Tensor, enhanced: Tensor, prefix: Indices, hidden: Tensor | None = None) -> Tensor:
        return enhanced @ self._item_matrix.T


@dataclass(frozen=True, slots=True, kw_only=True)
class LinearMixing:
    """``p_i = (1 - l) softmax(s . E)_i + l m_i``, where ``m`` is the mean of all masses.

    Attributes:
        share: l, the weight of the neighbours, a fraction in [0, 1).
        onto: the vector used as ``s``.

    Source: beyond the list; Khandelwal et al., ICLR 2020, eq. 3, for language models.
    """

    reads_neighbours: ClassVar[bool] = True

    share: float
    onto: Onto = Onto.BACKBONE

    @property
    def reads_enhanced(self) -> bool:
        return self.onto is Onto.ENHANCED

    @property
    def neutral(self) -> bool:
        return self.share == 0.0

    def build(self, inputs: Inputs, masses: Sequence[LiveMass], temperature: float) -> LiveScorer:
        """Return the scorer."""
        from harness.engine.live.mixing.scorers import Linear

        return Linear(
            share=self.share,
            item_matrix=inputs.item_matrix,
            masses=tuple(masses),
            temperature=temperature,
            reads_enhanced=self.reads_enhanced,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class LogLinearMixing:
    """``score_i = s . e_i + beta log(1 + m_i / eps)``, with one such term per mass.

    An item without mass (no neighbour has it as target) keeps its score.

    Attributes:
        beta: weight, 0 or more; ten times the mass adds ``beta ln 10`` once the mass is well above ``eps``.
        eps: the mass above which neighbours have a clear effect, a fraction above 0.
        onto: the vector used as ``s``.

    Source: beyond the list. Log-linear pools: Heskes, "Selecting weighting factors in logarithmic opinion pools",
    NIPS 1997.
    """

    reads_neighbours: ClassVar[bool] = True

    beta: float
    eps: float
    onto: Onto = Onto.BACKBONE

    @property
    def reads_enhanced(self) -> bool:
        return self.onto is Onto.ENHANCED

    @property
    def neutral(self) -> bool:
        return self.beta == 0.0

    def build(self, inputs: Inputs, masses: Sequence[LiveMass], temperature: float) -> LiveScorer:
        """Return the scorer."""
        from harness.engine.live.mixing.scorers import LogLinear

        return LogLinear(
            beta=self.beta,
            eps=self.eps,
            item_matrix=inputs.item_matrix,
            masses=tuple(masses),
            temperature=temperature,
            reads_enhanced=self.reads_enhanced,
        )
