"""Seam ``scorer``: from vectors and neighbours to scores."""

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
    """The vector whose scores the neighbours join."""

    BACKBONE = "backbone"
    ENHANCED = "enhanced"


class Scorer(Protocol):
    """A spec of the seam.

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
        """Whether neighbours have no part in its scores at this setting."""
        ...

    def build(self, inputs: Inputs, masses: Sequence[LiveMass], temperature: float) -> LiveScorer:
        """The live scorer over the backbone as it is.

        Args:
            inputs: data, backbone and encodings.
            masses: how much each kind of neighbours says for each item; empty where it reads none.
            temperature: the vector's scores are divided by it before neighbours join them.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class EnhancedDot:
    """Score of item i: ``enhanced . e_i``.  Source: FTragrec as found, point 10."""

    reads_neighbours: ClassVar[bool] = False

    @property
    def reads_enhanced(self) -> bool:
        return True

    @property
    def neutral(self) -> bool:
        return True

    def build(self, inputs: Inputs, masses: Sequence[LiveMass], temperature: float) -> LiveScorer:
        """The product with the backbone's item embeddings."""
        return _Dot(inputs.item_matrix)


class _Dot:
    def __init__(self, item_matrix: Tensor) -> None:
        self._item_matrix = item_matrix

    def scores(self, *, sequence: Tensor, enhanced: Tensor, prefix: Indices, hidden: Tensor | None = None) -> Tensor:
        return enhanced @ self._item_matrix.T


@dataclass(frozen=True, slots=True, kw_only=True)
class LinearMixing:
    """``p_i = (1 - l) softmax(s . E)_i + l m_i``; of several masses, ``m`` is their mean.

    Attributes:
        share: l, the neighbours' part, a fraction in [0, 1).
        onto: the vector in the place of ``s``.

    Source: family 0; Khandelwal et al., ICLR 2020, eq. 3, for language models.
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
        """The scorer."""
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
    """``score_i = s . e_i + beta log(1 + m_i / eps)``, a term for each of several masses.

    An item that no neighbour names keeps its score.

    Attributes:
        beta: what a tenfold mass adds, in units of ln 10, once it is well above ``eps``; 0 or more.
        eps: the mass from which a neighbour counts, a fraction above 0.
        onto: the vector in the place of ``s``.

    Source: family 0. Log-linear pools: Heskes, "Selecting weighting factors in logarithmic opinion pools", NIPS 1997.
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
        """The scorer."""
        from harness.engine.live.mixing.scorers import LogLinear

        return LogLinear(
            beta=self.beta,
            eps=self.eps,
            item_matrix=inputs.item_matrix,
            masses=tuple(masses),
            temperature=temperature,
            reads_enhanced=self.reads_enhanced,
        )
