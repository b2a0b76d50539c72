"""Specs of the seam ``extra_terms``: hard negatives, and an alignment of ``R(s)`` with ``s``."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

from harness.engine.types.term import Term, mean_over

if TYPE_CHECKING:
    from torch import Tensor

    from harness.engine.types.forward import Forward
    from harness.engine.types.retrieved import Retrieved
    from harness.recipe.schedules import Progress


class Form(Enum):
    """The form of the contrastive loss."""

    INFONCE = "infonce"
    MARGIN = "margin"


@dataclass(frozen=True, slots=True, kw_only=True)
class HardNegatives:
    """A contrastive term on the retriever: a prefix with the same target against near prefixes with other targets.

    Negatives are the first of a sample's hits, in the index's order, whose target differs from the sample's. The
    positive is another user's training prefix with the sample's target; each epoch takes the next one in the target's
    list. Both are re-encoded from their clean ``s`` by the current retriever, because a term on stored keys would push
    the query away from outdated keys and never move the keys. Samples without a positive or without a negative
    contribute nothing.  Source: problem list 9.3; van den Oord et al., arXiv 1807.03748, eq. 4 (InfoNCE);
    Schroff et al., CVPR 2015, section 3.1, with cosines (margin).

    Attributes:
        form: the form of the loss.
        count: maximum number of negatives per sample.
        weight: the term's weight in the loss.
        tau: temperature of the cosines in InfoNCE.
        margin: margin form: required distance of the positive's cosine above each negative's.
    """

    form: Form
    count: int
    weight: float
    tau: float = 0.1
    margin: float = 0.2

    def term(self, forward: Forward, progress: Progress) -> Term:
        def value(rows: slice) -> Tensor:
            return self.loss(forward, rows, turn=progress.epoch)

        return Term(name="hard_negatives", weight=self.weight, inputs=(forward.query,), value=value)

    def loss(self, forward: Forward, rows: slice, *, turn: int) -> Tensor:
        """Return the mean loss over the contributing samples of ``rows``, in nats or cosine, ``()``."""
        import torch
        from torch.nn.functional import normalize

        retrieved = forward.retrieved.rows(rows)
        entry, mask = hard_negatives(retrieved, self.count)
        prefixes, encodings = retrieved.inputs.prefixes, retrieved.inputs.encodings
        partner, exists = prefixes.partners.of(retrieved.prefix, turn)
        around = torch.cat([retrieved.inputs.tensor(partner)[:, None], retrieved.memory.prefixes_of(entry)], dim=1)
        keys = normalize(forward.encode(encodings[around]), dim=-1)
        cosine = (keys @ normalize(retrieved.query, dim=-1)[:, :, None]).squeeze(-1)
        contributes = retrieved.inputs.tensor(exists) & mask.any(dim=1)
        return mean_over(self.by_sample(cosine[:, 0], cosine[:, 1:], mask), contributes)

    def by_sample(self, positive: Tensor, negative: Tensor, mask: Tensor) -> Tensor:
        """Return the loss ``(batch,)`` of cosines ``(batch,)``, ``(batch, count)``; ``mask``: which negatives exist."""
        if self.form is Form.INFONCE:
            excess = ((negative - positive[:, None]) / self.tau).where(mask, float("-inf"))
            return excess.exp().sum(dim=1).log1p()
        short = (self.margin - positive[:, None] + negative).clamp(min=0.0) * mask
        return short.sum(dim=1) / mask.sum(dim=1).clamp(min=1)


def hard_negatives(retrieved: Retrieved, count: int) -> tuple[Tensor, Tensor]:
    """Return the first ``count`` hits with another target (0: none) and which exist, ``(batch, count)`` each."""
    import torch

    pool, memory = retrieved.neighbours, retrieved.memory
    own = retrieved.inputs.tensor(retrieved.inputs.prefixes.target[retrieved.prefix])
    differs = pool.pool_mask & (memory.target[pool.pool_entry] != own[:, None])
    columns = torch.argsort(~differs, dim=1, stable=True)[:, :count]
    mask = differs.gather(1, columns)
    return pool.pool_entry.gather(1, columns) * mask, mask


@dataclass(frozen=True, slots=True, kw_only=True)
class FeatureAlignment:
    """The loss term ``1 - cos(R(s), s)``, mean over the batch.  Source: problem list 7.2.

    Attributes:
        weight: the term's weight in the loss.
    """

    weight: float

    def term(self, forward: Forward, progress: Progress) -> Term:
        """Return the term of one batch; ``s`` is detached, so a trainable backbone gets gradients only via ``R(s)``."""
        from torch.nn.functional import cosine_similarity

        def value(rows: slice) -> Tensor:
            return (1.0 - cosine_similarity(forward.query[rows], forward.sequence[rows].detach(), dim=1)).mean()

        return Term(name="feature_alignment", weight=self.weight, inputs=(forward.query,), value=value)
