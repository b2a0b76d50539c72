"""A softmax over the neighbours that exist."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor


def masked_softmax(logits: Tensor, mask: Tensor) -> Tensor:
    """Softmax over the neighbours that exist; a row without any is all zeros, ``(batch, k)``."""
    present = logits.where(mask, float("-inf"))
    top = present.detach().amax(dim=1, keepdim=True).where(mask.any(dim=1, keepdim=True), 0.0)
    weights = (present - top).exp()
    return weights / weights.sum(dim=1, keepdim=True).clamp(min=1e-38)
