"""Specs of the seam ``fusion`` that mix by sample, by dimension or by attention instead of by one alpha."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from harness.errors import InputError

if TYPE_CHECKING:
    from harness.engine.live.fusion_modules import DimensionGate, NeighbourAttention, NetAlpha, SimilarityAlpha


@dataclass(frozen=True, slots=True, kw_only=True)
class AlphaBySimilarity:
    """An alpha a sample, from the mean cosine of its neighbours: ``sigmoid(mean_j cos_ij / T) x max``.

    Source: seed 4.1, whose snippet takes the mean of attention weights: 1/k whatever was retrieved, unlike the cosine.

    Attributes:
        maximum: upper end of alpha, a fraction in (0, 1].
        temperature: T; the smaller, the more a cosine above 0 drives alpha to its maximum.
    """

    learns: ClassVar[bool] = False
    reads_knowledge: ClassVar[bool] = True

    maximum: float
    temperature: float

    def build(self, hidden_size: int) -> SimilarityAlpha:
        """A module without parameters."""
        from harness.engine.live.fusion_modules import SimilarityAlpha

        return SimilarityAlpha(maximum=self.maximum, temperature=self.temperature)


@dataclass(frozen=True, slots=True, kw_only=True)
class AlphaByNet:
    """An alpha a sample, from a small network that reads ``s``, the knowledge and the cosines.  Source: seed 4.1.

    Attributes:
        maximum: upper end of alpha, a fraction in (0, 1].
        n_hidden: width of the network's one hidden layer.
    """

    learns: ClassVar[bool] = True
    reads_knowledge: ClassVar[bool] = True

    maximum: float
    n_hidden: int

    def build(self, hidden_size: int) -> NetAlpha:
        """The network and its mixture, the weights not yet set."""
        from harness.engine.live.fusion_modules import NetAlpha

        return NetAlpha(hidden_size=hidden_size, n_hidden=self.n_hidden, maximum=self.maximum)


@dataclass(frozen=True, slots=True, kw_only=True)
class GatedFusion:
    """A gate a dimension, ``sigmoid(W [s ; knowledge] + b)``, instead of one alpha.  Source: seed 4.2.

    Attributes:
        bias: b at the start, when W is zero; -1.7 opens every gate by .154.
    """

    learns: ClassVar[bool] = True
    reads_knowledge: ClassVar[bool] = True

    bias: float

    def build(self, hidden_size: int) -> DimensionGate:
        """The gate, its weights not yet set."""
        from harness.engine.live.fusion_modules import DimensionGate

        return DimensionGate(hidden_size=hidden_size, bias=self.bias)


@dataclass(frozen=True, slots=True, kw_only=True)
class AttentionFusion:
    """Multi-head attention of ``s`` over its neighbours: keys their histories, values their targets.

    It makes its own knowledge, so neither the attention weights of point 7 nor the scale of the knowledge reach it.

    Source: seed 4.3; Vaswani et al., NeurIPS 2017, section 3.2; Zhao et al., arXiv 2412.18378, whose fusion is of
    this kind with 20 neighbours.

    Attributes:
        n_heads: heads; they share the width, so their number divides it.
        dropout: rate on the output of the attention and of the feed-forward part, in [0, 1).
    """

    learns: ClassVar[bool] = True
    reads_knowledge: ClassVar[bool] = False

    n_heads: int
    dropout: float

    def build(self, hidden_size: int) -> NeighbourAttention:
        """The module, its weights not yet set.

        Raises:
            InputError: the heads do not divide the width.
        """
        from harness.engine.live.fusion_modules import NeighbourAttention

        if hidden_size % self.n_heads:
            raise InputError(
                f"{self.n_heads} heads do not divide the width {hidden_size} of the backbone; take a number that does"
            )
        return NeighbourAttention(hidden_size=hidden_size, n_heads=self.n_heads, dropout=self.dropout)
