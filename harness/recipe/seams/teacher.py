"""A spec of the seam ``teacher`` that asks the scoring model itself which neighbour helps."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from harness.engine.live.softmax import masked_softmax

if TYPE_CHECKING:
    from torch import Tensor

    from harness.engine.types.forward import Forward


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
