"""Seams of the loss: ``divergence``, ``teacher``, the two weights, ``sample_mask``, ``combiner``, ``extra_terms``."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from harness.ftragrec.attention import masked_softmax

if TYPE_CHECKING:
    from torch import Tensor

    from harness.ftragrec.forward import Forward
    from harness.ftragrec.search import Neighbours
    from harness.schedules import Progress

EPSILON = 1e-8
"""Added to both distributions inside every divergence, as the original does."""


class Divergence(Protocol):
    """How far the retrieval distribution is from the recommendation distribution, sample by sample."""

    def __call__(self, p_ret: Tensor, p_rec: Tensor) -> Tensor:
        """Nats, ``(batch,)``, of distributions ``(batch, k)`` that are 0 at missing neighbours."""
        ...


def relative_entropy(p: Tensor, q: Tensor) -> Tensor:
    """``sum_j (p_j + eps) log((p_j + eps) / (q_j + eps))`` in nats, ``(batch,)``.

    A neighbour missing from both contributes exactly nothing.
    """
    p, q = p + EPSILON, q + EPSILON
    return (p * (p.log() - q.log())).sum(dim=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class ForwardKL:
    """``KL(P_ret || P_rec)``.  Source: FTragrec as found, point 8."""

    def __call__(self, p_ret: Tensor, p_rec: Tensor) -> Tensor:
        return relative_entropy(p_ret, p_rec)


@dataclass(frozen=True, slots=True, kw_only=True)
class ReverseKL:
    """``KL(P_rec || P_ret)``.  Source: seed 1.1."""

    def __call__(self, p_ret: Tensor, p_rec: Tensor) -> Tensor:
        return relative_entropy(p_rec, p_ret)


@dataclass(frozen=True, slots=True, kw_only=True)
class JensenShannon:
    """Mean divergence of both from their mixture, at most ln 2.  Source: seed 1.3; Lin, IEEE TIT 1991, eq. 3.4."""

    def __call__(self, p_ret: Tensor, p_rec: Tensor) -> Tensor:
        mixture = (p_ret + p_rec) / 2.0
        return (relative_entropy(p_ret, mixture) + relative_entropy(p_rec, mixture)) / 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Jeffreys:
    """Mean of the two directions.  Source: seed 1.3; Jeffreys, Proc. R. Soc. A 1946."""

    def __call__(self, p_ret: Tensor, p_rec: Tensor) -> Tensor:
        return (relative_entropy(p_ret, p_rec) + relative_entropy(p_rec, p_ret)) / 2.0


class Teacher(Protocol):
    """A spec of the seam ``teacher``."""

    def __call__(self, sequence: Tensor, values: Tensor, target: Tensor, mask: Tensor) -> Tensor:
        """P_rec ``(batch, k)`` from ``s`` ``(batch, d)``, values ``(batch, k, d)`` and ``e_y`` ``(batch, d)``."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class NormalisedSigmoid:
    """``q_j = sigmoid(((1 - a) s + a v_j) . e_y)``, ``P_rec = q / sum(q)``; not detached.  Source: point 6.

    Attributes:
        share: the teacher's own constant a, apart from the share of the fusion.
    """

    share: float = 0.15

    def __call__(self, sequence: Tensor, values: Tensor, target: Tensor, mask: Tensor) -> Tensor:
        mixed = (1.0 - self.share) * sequence[:, None] + self.share * values
        affinity = (mixed @ target[:, :, None]).squeeze(-1).sigmoid() * mask
        return affinity / affinity.sum(dim=1, keepdim=True).clamp(min=1e-38)


def retrieval_distribution(similarity: Tensor, temperature: float | Tensor, mask: Tensor) -> Tensor:
    """``P_ret = softmax_j(similarity_j / tau)`` over the neighbours that exist, ``(batch, k)``.  Source: point 5."""
    return masked_softmax(similarity / temperature, mask)


class SampleMask(Protocol):
    """A spec of the seam ``sample_mask``."""

    def mask(self, neighbours: Neighbours) -> Tensor | None:
        """Which samples take part in the retrieval terms, ``(batch,)`` bool; None: all of them."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class AllSamples:
    """Every sample takes part in the retrieval terms.  Source: FTragrec as found, point 8."""

    def mask(self, neighbours: Neighbours) -> Tensor | None:
        return None


class ExtraTerm(Protocol):
    """An entry of the additive seam ``extra_terms``; its term joins the base's three."""

    def term(self, forward: Forward, progress: Progress) -> Term:
        """The term of one batch."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class CloseNeighbours:
    """Only samples whose neighbours are close on average take part in the retrieval terms.  Source: seed 5.2.

    Attributes:
        threshold: the smallest mean cosine of a sample's neighbours.
    """

    threshold: float

    def mask(self, neighbours: Neighbours) -> Tensor | None:
        mean = neighbours.cosine.sum(dim=1) / neighbours.count.clamp(min=1)
        return neighbours.any & (mean >= self.threshold)


class Combiner(Protocol):
    """A spec of the seam ``combiner``."""

    def backward(self, weighted: Sequence[Tensor]) -> None:
        """Leave the gradient of the combined terms in the parameters."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class WeightedSum:
    """The loss is the plain sum of the weighted terms.  Source: FTragrec as found, point 8."""

    def backward(self, weighted: Sequence[Tensor]) -> None:
        total = weighted[0]
        for each in weighted[1:]:
            total = total + each
        total.backward()


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Term:
    """One term of the loss of one batch, not computed before it is asked for.

    Attributes:
        name: such as ``recommendation``, ``enhanced`` or ``alignment``.
        weight: its factor in the loss; at 0 it is never computed.
        inputs: the tensors through which a gradient could leave the term.
        value: computes the mean over a stretch of the batch's samples, nats.
    """

    name: str
    weight: float
    inputs: tuple[Tensor, ...]
    value: Callable[[slice], Tensor]

    @property
    def trains(self) -> bool:
        """Whether the term can move any tensor that trains now."""
        return self.weight != 0.0 and any(each.requires_grad for each in self.inputs)


def mean_over(values: Tensor, chosen: Tensor) -> Tensor:
    """Mean of ``values`` over the chosen samples, 0 where none is, ``()``."""
    return (values * chosen).sum() / chosen.sum().clamp(min=1)
