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
    """A spec of the seam ``teacher``.

    Attributes:
        reads_values: whether it uses the neighbours' values as they are, apart from the mixture.
    """

    reads_values: ClassVar[bool]

    def __call__(self, forward: Forward, rows: slice) -> Tensor:
        """P_rec of a stretch of the batch, ``(rows, k)``, 0 at missing neighbours."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class NormalisedSigmoid:
    """``q_j = sigmoid(((1 - a) s + a v_j) . e_y)``, ``P_rec = q / sum(q)``; not detached.  Source: point 6.

    Attributes:
        share: the teacher's own constant a, apart from the share of the fusion.
    """

    reads_values: ClassVar[bool] = True

    share: float = 0.15

    def __call__(self, forward: Forward, rows: slice) -> Tensor:
        target = forward.item_matrix[forward.target[rows]]
        mixed = (1.0 - self.share) * forward.sequence[rows, None] + self.share * forward.values[rows]
        affinity = (mixed @ target[:, :, None]).squeeze(-1).sigmoid() * forward.neighbours.mask[rows]
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
        return neighbours.any & (neighbours.mean_cosine >= self.threshold)


class Combiner(Protocol):
    """A spec of the seam ``combiner``.

    Attributes:
        min_terms: terms with a gradient that it takes for the combination to differ from a sum.
    """

    min_terms: ClassVar[int]

    def backward(self, weighted: Sequence[Tensor], parameters: Sequence[nn.Parameter]) -> None:
        """Leave the gradient of the combined terms in the parameters.

        Args:
            weighted: terms that train something, each times its weight, at least one.
            parameters: all that train now.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class WeightedSum:
    """The loss is the plain sum of the weighted terms.  Source: FTragrec as found, point 8."""

    min_terms: ClassVar[int] = 1

    def backward(self, weighted: Sequence[Tensor], parameters: Sequence[nn.Parameter]) -> None:
        total = weighted[0]
        for each in weighted[1:]:
            total = total + each
        total.backward()


class Curriculum(Protocol):
    """A spec of the seam ``curriculum``: which terms take part in an epoch."""

    def active(self, term: str, progress: Progress) -> bool:
        """Whether the term of that name counts; where it does not, it is never computed."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class AllTerms:
    """The full loss from the first epoch.  Source: FTragrec as found, point 8."""

    def active(self, term: str, progress: Progress) -> bool:
        return True


@dataclass(frozen=True, slots=True, kw_only=True)
class AlignmentFirst:
    """The alignment term alone until it has stopped improving; then the full loss.  Source: seed 7.1.

    Attributes:
        until: when the full loss begins at the latest.
        patience: epochs without a lower alignment loss after which it begins.
    """

    until: Span
    patience: int

    def active(self, term: str, progress: Progress) -> bool:
        return term == ALIGNMENT or self.over(progress)

    def over(self, progress: Progress) -> bool:
        """Whether the first part has ended by the epoch of ``progress``."""
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
    """``P_rec = softmax_j(log p(y | neighbour j alone) / T)`` over the neighbours that exist; detached.

    ``p(y | j)`` is the catalogue softmax of the enhanced vector that neighbour j makes when it is the only one.

    Source: Shi et al., REPLUG, arXiv 2301.12652, section 4, whose distribution over documents takes ``p / T`` in place
    of ``log p / T``; with whole catalogues p is too small for that.

    Attributes:
        temperature: T, the teacher's own; the smaller, the more P_rec prefers the best neighbour.
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
