"""A diagonal linear recurrence over packed windows, bucket by bucket."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from harness.backbones.packed.windows import Bucket


def linear_recurrence(inputs: Tensor, decay: Tensor, buckets: tuple[Bucket, ...]) -> Tensor:
    """``state[t] = decay * state[t - 1] + inputs[t]`` within each window, from 0, ``(n_places, n, 2)``.

    Complex numbers are pairs of real and imaginary part, in the last dimension. A state holds what was up to its place,
    so padding, which is to the right of a window, reaches no real place.

    Args:
        inputs: ``(n_places, n, 2)``.
        decay: ``(n, 2)``.
        buckets: how the places form windows.
    """
    states = _LinearRecurrence.apply(inputs, decay, buckets)
    assert isinstance(states, Tensor)
    return states


class _LinearRecurrence(torch.autograd.Function):
    """Written by hand because one place needs one operation in place, forwards and backwards.

    The gradient runs the same recurrence from the right, with the conjugate of the decay.
    """

    @staticmethod
    def forward(ctx: Any, inputs: Tensor, decay: Tensor, buckets: tuple[Bucket, ...]) -> Tensor:
        states, factor = inputs.clone(), torch.view_as_complex(decay)
        for here in _windows(states, buckets):
            for place in range(1, here.shape[1]):
                here[:, place].addcmul_(here[:, place - 1], factor)
        ctx.save_for_backward(states, decay)
        ctx.buckets = buckets
        return states

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Tensor) -> tuple[Tensor | None, ...]:
        states, decay = ctx.saved_tensors
        grad, factor = grad_outputs[0].clone(), torch.view_as_complex(decay).conj_physical()
        grad_decay = torch.zeros_like(factor)
        for here, before in zip(_windows(grad, ctx.buckets), _windows(states, ctx.buckets), strict=True):
            for place in range(here.shape[1] - 1, 0, -1):
                here[:, place - 1].addcmul_(here[:, place], factor)
            grad_decay += (here[:, 1:] * before[:, :-1].conj_physical()).sum(dim=(0, 1))
        return grad, torch.view_as_real(grad_decay), None


def _windows(places: Tensor, buckets: tuple[Bucket, ...]) -> list[Tensor]:
    """Complex views of the buckets, ``(n_windows, length, n)`` each."""
    numbers = torch.view_as_complex(places)
    return [numbers[each.start : each.stop].view(each.n_windows, each.length, -1) for each in buckets]
