"""Self-attention over packed windows, bucket by bucket."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from harness.backbones.dropout import MaskPool
from harness.backbones.packed.windows import Bucket, Packed


def causal_attention(projected: Tensor, buckets: tuple[Bucket, ...], n_heads: int, masks: MaskPool | None) -> Tensor:
    """Attention of every place to itself and the earlier places in its window, ``(n_places, d)``.

    Padding is at the right end of a window, so the causal mask alone keeps real places from attending to it.

    Args:
        projected: queries, keys and values side by side, ``(n_places, 3 d)``.
        buckets: how the places form windows.
        n_heads: number of heads that ``d`` is split into.
        masks: masks for dropout of the attention weights; None: no dropout.
    """
    cuts = None
    if masks is not None:
        cuts = [masks.cut(bucket.n_windows * n_heads, bucket.length, bucket.length) for bucket in buckets]
    mixed = _CausalAttention.apply(projected, buckets, n_heads, cuts)
    assert isinstance(mixed, Tensor)
    return mixed


def last_place_attention(
    states: Tensor, carried: Tensor, packed: Packed, scale: float, masks: MaskPool | None
) -> tuple[Tensor, Tensor]:
    """Attention of each window's last place, as a weighted mean of the layer's input states instead of the values.

    Keys and values are linear in the states. So the key projection can be applied to the query, and the value
    projection to the mean: with one query per window, that costs a hundredth of projecting every place.

    Args:
        states: input of the layer, ``(n_places, d)``.
        carried: each window's query per head, times the key projection, ``(n_windows, n_heads, d)``.
        packed: how the places form windows.
        scale: factor of the logits.
        masks: masks for dropout of the attention weights; None: no dropout.

    Returns:
        The means, ``(n_windows, n_heads, d)``, and the sums of their weights (1 without dropout),
        ``(n_windows, n_heads, 1)``.
    """
    n_heads = carried.shape[1]
    counts = [bucket.n_windows for bucket in packed.buckets]
    by_bucket = zip(
        packed.buckets,
        states.split([bucket.stop - bucket.start for bucket in packed.buckets]),
        carried.split(counts),
        packed.lengths.split(counts),
        strict=True,
    )
    means: list[Tensor] = []
    totals: list[Tensor] = []
    for bucket, places, query, lengths in by_bucket:
        keys = places.view(bucket.n_windows, bucket.length, -1)
        logits = torch.bmm(query, keys.transpose(1, 2)) * scale
        if bucket.padded:
            beyond = torch.arange(bucket.length) >= lengths.unsqueeze(1)
            logits = logits.masked_fill(beyond.unsqueeze(1), -math.inf)
        share = torch.softmax(logits, dim=2)
        if masks is not None:
            share = share * masks.cut(bucket.n_windows, n_heads, bucket.length)
        means.append(torch.bmm(share, keys))
        totals.append(share.sum(dim=2, keepdim=True))
    return torch.cat(means), torch.cat(totals)


class _CausalAttention(torch.autograd.Function):
    """Written by hand because autograd would fill a gradient of the whole batch for the slice of every bucket."""

    @staticmethod
    def forward(
        ctx: Any, projected: Tensor, buckets: tuple[Bucket, ...], n_heads: int, cuts: list[Tensor] | None
    ) -> Tensor:
        width = projected.shape[1] // 3
        scale = 1.0 / math.sqrt(width // n_heads)
        mixed = projected.new_empty(len(projected), width)
        kept: list[Tensor] = []
        for number, bucket in enumerate(buckets):
            heads = _to_heads(projected, bucket, n_heads, parts=3)
            share = torch.baddbmm(_future(bucket.length), heads[0], heads[1].transpose(1, 2), alpha=scale)
            torch.softmax(share, dim=2, out=share)
            dropped = share if cuts is None else share * cuts[number]
            _from_heads(torch.bmm(dropped, heads[2]).unsqueeze(0), mixed, bucket)
            if ctx.needs_input_grad[0]:
                kept += (heads, share, dropped)
        ctx.save_for_backward(*kept)
        ctx.cuts, ctx.buckets, ctx.scale = cuts, buckets, scale
        return mixed

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Tensor) -> tuple[Tensor | None, ...]:
        grad_mixed = grad_outputs[0]
        n_places, width = grad_mixed.shape
        grad_projected = grad_mixed.new_empty(n_places, 3 * width)
        kept = iter(ctx.saved_tensors)
        for number, (bucket, heads, share, dropped) in enumerate(zip(ctx.buckets, kept, kept, kept, strict=True)):
            n_heads = heads.shape[1] // bucket.n_windows
            grad = _to_heads(grad_mixed, bucket, n_heads, parts=1)[0]
            grad_heads = torch.empty_like(heads)
            torch.bmm(dropped.transpose(1, 2), grad, out=grad_heads[2])
            grad_share = torch.bmm(grad, heads[2].transpose(1, 2))
            if ctx.cuts is not None:
                grad_share.mul_(ctx.cuts[number])
            grad_share.mul_(share)
            grad_share.addcmul_(share, grad_share.sum(dim=2, keepdim=True), value=-1.0).mul_(ctx.scale)
            torch.bmm(grad_share, heads[1], out=grad_heads[0])
            torch.bmm(grad_share.transpose(1, 2), heads[0], out=grad_heads[1])
            _from_heads(grad_heads, grad_projected, bucket)
        return grad_projected, None, None, None


def _future(length: int) -> Tensor:
    """Mask to add to logits: minus infinity at later places, ``(length, length)``."""
    return torch.full((length, length), -math.inf).triu_(1)


def _to_heads(places: Tensor, bucket: Bucket, n_heads: int, *, parts: int) -> Tensor:
    """Return a copy of a bucket's places as ``(parts, n_windows * n_heads, length, head width)``."""
    here = places[bucket.start : bucket.stop].view(bucket.n_windows, bucket.length, parts, n_heads, -1)
    return here.permute(2, 0, 3, 1, 4).reshape(parts, bucket.n_windows * n_heads, bucket.length, -1)


def _from_heads(heads: Tensor, places: Tensor, bucket: Bucket) -> None:
    """The inverse of :func:`_to_heads`, written into ``places``."""
    parts = len(heads)
    split = heads.view(parts, bucket.n_windows, -1, bucket.length, heads.shape[3]).permute(1, 3, 0, 2, 4)
    places[bucket.start : bucket.stop].view(split.shape).copy_(split)
