"""Cross-entropy over the whole catalogue, computed without holding all logits at once."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from harness.backbones.values import Precision

CHUNK_ROWS = 256
"""Rows whose logits are held at a time: few enough for the cache, enough for a fast product."""

ROW_STEP = 64
"""Rows are padded to a multiple of this: each new shape of a bfloat16 product costs megabytes that stay allocated."""

_SMALLEST = 1e-30
"""A probability below this is 0 or has lost its digits; its logarithm is then computed from the logits."""


def softmax_cross_entropy(
    hidden: Tensor,
    items: Tensor,
    targets: Tensor,
    *,
    weights: Tensor | None = None,
    precision: Precision = "float32",
) -> Tensor:
    """Weighted sum over rows of ``-log softmax(hidden . items)[target]``, in nats, a scalar.

    Gradients are computed only for those of ``hidden`` and ``items`` that require them, and for neither under
    ``torch.no_grad``. The cost is one product for the value and one more for each gradient.

    Args:
        hidden: ``(n, d)`` float32.
        items: ``(n_items + 1, d)`` float32; row 0 is padding and is ignored.
        targets: item number of each row's target, from 1, ``(n,)`` int64.
        weights: constant weights of the rows, ``(n,)``; None means ``1 / n`` each, so the result is the mean.
        precision: precision of the three products; sums, gradients and the target's own part stay float32.
    """
    if weights is None:
        weights = torch.full((len(hidden),), 1.0 / max(1, len(hidden)))
    if not torch.is_grad_enabled():
        hidden, items = hidden.detach(), items.detach()
    loss = _SoftmaxCrossEntropy.apply(hidden, items, targets, weights, precision)
    assert isinstance(loss, Tensor)
    return loss


class _SoftmaxCrossEntropy(torch.autograd.Function):
    """Loss and gradients in one sweep over chunks of rows; backward only scales the gradients from forward."""

    @staticmethod
    def forward(
        ctx: Any, hidden: Tensor, items: Tensor, targets: Tensor, weights: Tensor, precision: Precision
    ) -> Tensor:
        dtype = torch.bfloat16 if precision == "bfloat16" else torch.float32
        catalogue = items[1:].to(dtype)
        n = len(hidden)
        weighted = hidden * weights.unsqueeze(1)
        rows, weighted_rows = _filled_up(hidden, dtype), _filled_up(weighted, dtype)
        grad_hidden = torch.empty(rows.shape) if ctx.needs_input_grad[0] else None
        grad_items = torch.zeros_like(items) if ctx.needs_input_grad[1] else None
        own = torch.empty(n)
        buffer = torch.empty(min(CHUNK_ROWS, len(rows)), len(catalogue), dtype=dtype)
        for first in range(0, len(rows), CHUNK_ROWS):
            here = slice(first, first + CHUNK_ROWS)
            share = buffer[: len(rows[here])]
            torch.mm(rows[here], catalogue.t(), out=share)
            torch.softmax(share, dim=1, out=share)
            wanted = targets[here].unsqueeze(1) - 1
            own[here] = share[: len(wanted)].gather(1, wanted).squeeze(1)
            if grad_hidden is not None:
                grad_hidden[here] = share @ catalogue
            if grad_items is not None:
                _add_product(grad_items[1:], share, weighted_rows[here])
        loss = -(weights * _log_own(own, hidden, items, targets)).sum()
        # The one-hot part of the gradient, in float32: it is as large as the rest together.
        if grad_hidden is not None:
            grad_hidden = grad_hidden[:n].sub_(items[targets]).mul_(weights.unsqueeze(1))
        if grad_items is not None:
            grad_items.index_add_(0, targets, weighted, alpha=-1.0)
        ctx.gradients = (grad_hidden, grad_items)
        return loss

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Tensor) -> tuple[Tensor | None, ...]:
        scale = grad_outputs[0]
        if ctx.gradients is None:
            raise RuntimeError("this loss was differentiated before, and its gradients are gone; compute it again")
        grad_hidden, grad_items = ctx.gradients
        ctx.gradients = None
        return (
            None if grad_hidden is None else grad_hidden.mul_(scale),
            None if grad_items is None else grad_items.mul_(scale),
            None,
            None,
            None,
        )


def _filled_up(rows: Tensor, dtype: torch.dtype) -> Tensor:
    """Return the rows, followed by rows of zeros up to a multiple of :data:`ROW_STEP`."""
    filled = torch.zeros(-(-len(rows) // ROW_STEP) * ROW_STEP, rows.shape[1], dtype=dtype)
    filled[: len(rows)] = rows
    return filled


def _add_product(total: Tensor, share: Tensor, weighted: Tensor) -> None:
    if total.dtype == share.dtype:
        total.addmm_(share.t(), weighted)
    else:
        total.add_(share.t() @ weighted)


def _log_own(own: Tensor, hidden: Tensor, items: Tensor, targets: Tensor) -> Tensor:
    """Log-probability of each row's target: from the probability, or from the logits where that has underflowed."""
    lost = (own < _SMALLEST).nonzero().squeeze(1)
    logs = own.clamp_min(_SMALLEST).log()
    if len(lost):
        logits = hidden[lost] @ items[1:].t()
        logs[lost] = logits.log_softmax(dim=1).gather(1, targets[lost].unsqueeze(1) - 1).squeeze(1)
    return logs
