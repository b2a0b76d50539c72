"""A gated recurrent unit over windows of unequal length, all of them one step at a time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from harness.backbones.packed.windows import Packed


@dataclass(frozen=True, slots=True, kw_only=True)
class Steps:
    """The real places of packed windows, laid out step by step: all first items, then all second ones, and so on.

    Windows lie longest first, so those that go on are always the first ones, and nothing is padded.

    Attributes:
        places: of the packed windows, in the new order, ``(n_real,)`` int64.
        counts: windows that have an item at each step, falling.
        rows: where the scored places lie in the new order, as ``Packed.rows`` lists them, ``(n_scored,)`` int64.
    """

    places: Tensor
    counts: tuple[int, ...]
    rows: Tensor

    @classmethod
    def of(cls, packed: Packed) -> Steps:
        """The layout of packed windows."""
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
    """The unit's state after every item, from a state of zeros before a window's first, ``(n_real, h)``.

    Args:
        projected: input's share of the reset gate, the update gate and the candidate, ``(n_real, 3 h)``, step by step.
        weight: the state's share of the same, ``(3 h, h)``.
        counts: of :class:`Steps`.

    Source: Cho et al., EMNLP 2014, as torch has it: the reset gate acts on the state's share of the candidate.
    """
    states = _Recurrence.apply(projected, weight, counts)
    assert isinstance(states, Tensor)
    return states


class _Recurrence(torch.autograd.Function):
    """Written by hand: autograd keeps a dozen nodes a step, where four operations and two large products do."""

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
        # What a unit of the state's gradient is to the candidate, and to the state's share of all three.
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
    """The states that each step but the first starts from."""
    steps = states.split(counts)
    return [state[:count] for state, count in zip(steps, counts[1:], strict=False)]
