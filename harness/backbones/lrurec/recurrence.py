"""A diagonal linear recurrence over packed windows, bucket by bucket."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from harness.backbones.packed.windows import Bucket


def linear_recurrence(inputs: Tensor, decay: Tensor, buckets: tuple[Bucket, ...]) -> Tensor:
    """``state[t] = decay * state[t - 1] + inputs[t]`` in each window, starting from 0, ``(n_places, n, 2)``.

    The last dimension holds the real and the imaginary part of a complex number. A state depends only on places up to
    its own, so padding, which is at the right end of a window, does not affect real places.

    Args:
        inputs: ``(n_places, n, 2)``.
        decay: ``(n, 2)``.
        buckets: how the places form windows.
    """
    states = _LinearRecurrence.apply(inputs, decay, buckets)
    assert isinstance(states, Tensor)
    return states


class _LinearRecurrence(torch.autograd.Function):
    """Written by hand because one in-place operation per place is enough, both forwards and backwards.

    The gradient is the same recurrence from right to left, with the conjugate of the decay.
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
