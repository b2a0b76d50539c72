"""Seams of the loss: ``divergence``, ``teacher``, ``sample_mask``, ``combiner``, ``curriculum``, ``extra_terms``."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Protocol

from harness.engine.live.softmax import masked_softmax
from harness.engine.types.term import Term
from harness.recipe.schedules import Span

if TYPE_CHECKING:
    from torch import Tensor, nn

    from harness.engine.types.forward import Forward
    from harness.engine.types.retrieved import Neighbours
    from harness.recipe.schedules import Progress


RECOMMENDATION, ENHANCED, ALIGNMENT = "recommendation", "enhanced", "alignment"
"""Names of the base's three terms."""


EPSILON = 1e-8
"""Added to both distributions inside every divergence, as published."""


class Divergence(Protocol):
    """A spec of the seam ``divergence``: the divergence of the retrieval and recommendation distributions."""

    def __call__(self, p_ret: Tensor, p_rec: Tensor) -> Tensor:
        """Return nats per sample, ``(batch,)``; both distributions, ``(batch, k)``, are 0 at missing neighbours."""
        ...


def relative_entropy(p: Tensor, q: Tensor) -> Tensor:
    """Return ``sum_j (p_j + eps) log((p_j + eps) / (q_j + eps))`` in nats, ``(batch,)``.

    A neighbour that is missing from both distributions contributes exactly 0.
    """
    p, q = p + EPSILON, q + EPSILON
    return (p * (p.log() - q.log())).sum(dim=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class ForwardKL:
    """``KL(P_ret || P_rec)``.  Source: FTragrec as published, point 8."""

    def __call__(self, p_ret: Tensor, p_rec: Tensor) -> Tensor:
        return relative_entropy(p_ret, p_rec)


@dataclass(frozen=True, slots=True, kw_only=True)
class ReverseKL:
    """``KL(P_rec || P_ret)``.  Source: problem list 1.1."""

    def __call__(self, p_ret: Tensor, p_rec: Tensor) -> Tensor:
        return relative_entropy(p_rec, p_ret)


@dataclass(frozen=True, slots=True, kw_only=True)
class JensenShannon:
    """Mean divergence of both from their mixture, at most ln 2.

    Source: problem list 1.3; Lin, IEEE TIT 1991, eq. 3.4.
    """

    def __call__(self, p_ret: Tensor, p_rec: Tensor) -> Tensor:
        mixture = (p_ret + p_rec) / 2.0
        return (relative_entropy(p_ret, mixture) + relative_entropy(p_rec, mixture)) / 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Jeffreys:
    """Mean of the two directions.  Source: problem list 1.3; Jeffreys, Proc. R. Soc. A 1946."""

    def __call__(self, p_ret: Tensor, p_rec: Tensor) -> Tensor:
        return (relative_entropy(p_ret, p_rec) + relative_entropy(p_rec, p_ret)) / 2.0


class Teacher(Protocol):
    """A spec of the seam ``teacher``: the recommendation distribution P_rec of the alignment term.

    Attributes:
        reads_values: whether it uses the neighbours' values directly, and not only through the enhanced vector.
    """

    reads_values: ClassVar[bool]

    def __call__(self, forward: Forward, rows: slice) -> Tensor:
        """Return P_rec for a slice of the batch, ``(rows, k)``, 0 at missing neighbours."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class NormalisedSigmoid:
    """``q_j = sigmoid(((1 - a) s + a v_j) . e_y)``, ``P_rec = q / sum(q)``; not detached.  Source: point 6.

    Attributes:
        share: the teacher's constant a, independent of the seam ``share``.
    """

    reads_values: ClassVar[bool] = True

    share: float = 0.15

    def __call__(self, forward: Forward, rows: slice) -> Tensor:
        target = forward.item_matrix[forward.target[rows]]
        mixed = (1.0 - self.share) * forward.sequence[rows, None] + self.share * forward.values[rows]
        affinity = (mixed @ target[:, :, None]).squeeze(-1).sigmoid() * forward.neighbours.mask[rows]
        return affinity / affinity.sum(dim=1, keepdim=True).clamp(min=1e-38)


def retrieval_distribution(similarity: Tensor, temperature: float | Tensor, mask: Tensor) -> Tensor:
    """Return ``P_ret = softmax_j(similarity_j / tau)`` over existing neighbours, ``(batch, k)``.  Source: point 5."""
    return masked_softmax(similarity / temperature, mask)


class SampleMask(Protocol):
    """A spec of the seam ``sample_mask``: which samples take part in the retrieval terms."""

    def mask(self, neighbours: Neighbours) -> Tensor | None:
        """Return which samples take part in the retrieval terms, ``(batch,)`` bool; None: all of them."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class AllSamples:
    """Every sample takes part in the retrieval terms.  Source: FTragrec as published, point 8."""

    def mask(self, neighbours: Neighbours) -> Tensor | None:
        return None


class ExtraTerm(Protocol):
    """An entry of the additive seam ``extra_terms``: a loss term in addition to the base's three."""

    def term(self, forward: Forward, progress: Progress) -> Term:
        """Return the term of one batch."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class CloseNeighbours:
    """Only samples whose neighbours have a high mean cosine take part in the retrieval terms.

    Source: problem list 5.2.

    Attributes:
        threshold: the minimum mean cosine of a sample's neighbours.
    """

    threshold: float

    def mask(self, neighbours: Neighbours) -> Tensor | None:
        return neighbours.any & (neighbours.mean_cosine >= self.threshold)


class Combiner(Protocol):
    """A spec of the seam ``combiner``: how the gradients of the weighted terms are combined.

    Attributes:
        min_terms: number of terms with a gradient from which the combiner can differ from a plain sum.
    """

    min_terms: ClassVar[int]

    def backward(self, weighted: Sequence[Tensor], parameters: Sequence[nn.Parameter]) -> None:
        """Compute the gradient of the combined terms into the parameters' ``grad``.

        Args:
            weighted: the terms that train something, each multiplied by its weight; at least one.
            parameters: all parameters that currently train.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class WeightedSum:
    """The loss is the plain sum of the weighted terms.  Source: FTragrec as published, point 8."""

    min_terms: ClassVar[int] = 1

    def backward(self, weighted: Sequence[Tensor], parameters: Sequence[nn.Parameter]) -> None:
        total = weighted[0]
        for each in weighted[1:]:
            total = total + each
        total.backward()


class Curriculum(Protocol):
    """A spec of the seam ``curriculum``: which terms take part in an epoch."""

    def active(self, term: str, progress: Progress) -> bool:
        """Return whether the named term counts in the epoch; if not, it is not computed."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class AllTerms:
    """The full loss from the first epoch.  Source: FTragrec as published, point 8."""

    def active(self, term: str, progress: Progress) -> bool:
        return True


@dataclass(frozen=True, slots=True, kw_only=True)
class AlignmentFirst:
    """The alignment term alone until it stops improving, then the full loss.  Source: problem list 7.1.

    Attributes:
        until: the full loss begins at this point at the latest.
        patience: the full loss begins after this many consecutive epochs without a lower alignment loss.
    """

    until: Span
    patience: int

    def active(self, term: str, progress: Progress) -> bool:
        return term == ALIGNMENT or self.over(progress)

    def over(self, progress: Progress) -> bool:
        """Return whether the alignment-only part has ended before the epoch of ``progress``."""
        if progress.towards(self.until) >= 1.0:
            return True
        best, waited = math.inf, 0
        for seen in progress.seen:
            loss = seen.losses.get(ALIGNMENT, math.inf)
            best, waited = (loss, 0) if loss < best else (best, waited + 1)
            if waited >= self.patience:
                return True
        return False


@dataclass(frozen=True, slots=True, kw_only=True)
class LikelihoodTeacher:
    """``P_rec = softmax_j(log p(y | neighbour j alone) / T)`` over existing neighbours; detached.

    ``p(y | j)`` is the target's probability in the catalogue softmax of the enhanced vector with neighbour j only.

    Source: Shi et al., REPLUG, arXiv 2301.12652, section 4, who use ``p / T`` instead of ``log p / T``; over a whole
    catalogue, p is too small for that.

    Attributes:
        temperature: T, used by the teacher only; a smaller T concentrates P_rec on the best neighbour.
    """

    reads_values: ClassVar[bool] = False

    temperature: float

    def __call__(self, forward: Forward, rows: slice) -> Tensor:
        import torch

        from harness.engine.live.likelihood import log_likelihood

        mask = forward.neighbours.mask[rows]
        targets = forward.target[rows][:, None].expand(mask.shape)
        logs = torch.zeros(mask.shape)
        logs[mask] = log_likelihood(forward.alone(rows)[mask], forward.item_matrix, targets[mask])
        return masked_softmax(logs / self.temperature, mask)
