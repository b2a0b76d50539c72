"""A gated recurrent unit over windows of unequal length, computed for all windows one step at a time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from harness.backbones.packed.windows import Packed


@dataclass(frozen=True, slots=True, kw_only=True)
class Steps:
    """The real places of packed windows in step order: all first items, then all second items, and so on.

    Windows are sorted longest first, so the windows that continue are always the first ones, and no padding is needed.

    Attributes:
        places: places of the packed windows in step order, ``(n_real,)`` int64.
        counts: number of windows that have an item at each step, descending.
        rows: index in step order of each scored place, in the order of ``Packed.rows``, ``(n_scored,)`` int64.
    """

    places: Tensor
    counts: tuple[int, ...]
    rows: Tensor

    @classmethod
    def of(cls, packed: Packed) -> Steps:
        """Return the step order of packed windows."""
        width = np.repeat([each.length for each in packed.buckets], [each.n_windows for each in packed.buckets])
        opening = np.cumsum(width) - width
        lengths, rows = packed.lengths.numpy(), packed.rows.numpy()
        counts = (lengths > np.arange(lengths[0])[:, None]).sum(axis=1)
        first = np.cumsum(counts) - counts
        step = np.repeat(np.arange(len(counts)), counts)
        window = np.arange(len(step)) - first[step]
        scored = np.searchsorted(opening, rows, side="right") - 1
        return cls(
            places=torch.as_tensor(opening[window] + step),
            counts=tuple(counts.tolist()),
            rows=torch.as_tensor(first[rows - opening[scored]] + scored),
        )


def recur(projected: Tensor, weight: Tensor, counts: tuple[int, ...]) -> Tensor:
    """The unit's state after every item, ``(n_real, h)`` in step order; the state before a window's first item is zero.

    Args:
        projected: the input's part of reset gate, update gate and candidate, ``(n_real, 3 h)``, in step order.
        weight: weight of the state's part of these three, ``(3 h, h)``.
        counts: :attr:`Steps.counts`.

    Source: Cho et al., EMNLP 2014, in torch's form: the reset gate acts on the state's part of the candidate.
    """
    states = _Recurrence.apply(projected, weight, counts)
    assert isinstance(states, Tensor)
    return states


class _Recurrence(torch.autograd.Function):
    """Written by hand: autograd needs a dozen nodes per step; this needs four operations per step and two products."""

    @staticmethod
    def forward(ctx: Any, projected: Tensor, weight: Tensor, counts: tuple[int, ...]) -> Tensor:
        width = weight.shape[1]
        gates = projected.new_empty(len(projected), 2 * width)
        carried, candidate, states = (projected.new_empty(len(projected), width) for _ in range(3))
        to_gates, to_candidate = weight[: 2 * width].t(), weight[2 * width :].t()
        before = projected.new_zeros(counts[0], width)
        start = 0
        for count in counts:
            here = slice(start, start + count)
            before = before[:count]
            gate, new, state = gates[here], candidate[here], states[here]
            torch.addmm(projected[here, : 2 * width], before, to_gates, out=gate).sigmoid_()
            torch.mm(before, to_candidate, out=carried[here])
            torch.addcmul(projected[here, 2 * width :], gate[:, :width], carried[here], out=new).tanh_()
            before = torch.lerp(new, before, gate[:, width:], out=state)
            start += count
        ctx.save_for_backward(weight, gates, carried, candidate, states)
        ctx.counts = counts
        return states

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Tensor) -> tuple[Tensor | None, ...]:
        weight, gates, carried, candidate, states = ctx.saved_tensors
        counts: tuple[int, ...] = ctx.counts
        width = weight.shape[1]
        reset, update = gates.split(width, dim=1)
        before = torch.cat([states.new_zeros(counts[0], width), *_before(states, counts)])
        # Derivatives by the candidate's input, and by the state's part of reset gate, update gate and candidate.
        to_candidate = (1.0 - update) * (1.0 - candidate * candidate)
        shares = torch.stack(
            [
                to_candidate * carried * reset * (1.0 - reset),
                (before - candidate) * update * (1.0 - update),
                to_candidate * reset,
            ],
            dim=1,
        )
        grad_states = grad_outputs[0].contiguous().clone()
        stop = len(states)
        later: Tensor | None = None
        for count in reversed(counts):
            here = slice(stop - count, stop)
            grad = grad_states[here]
            if later is not None:
                grad[: len(later)] += later
            shares[here] *= grad.unsqueeze(1)
            later = torch.addmm(grad * update[here], shares[here].flatten(1), weight)
            stop -= count
        shares = shares.flatten(1)
        grad_weight = shares.t() @ before
        shares[:, 2 * width :] = grad_states * to_candidate
        return shares, grad_weight, None


def _before(states: Tensor, counts: tuple[int, ...]) -> list[Tensor]:
    """The states from which each step except the first starts."""
    steps = states.split(counts)
    return [state[:count] for state, count in zip(steps, counts[1:], strict=False)]
