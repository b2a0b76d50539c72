from __future__ import annotations

import numpy as np
import pytest
import torch

from harness.backbones.dropout import MaskPool
from harness.backbones.packed.windows import cut_buckets
from harness.backbones.transformer.attention import causal_attention
from tests.backbones.plainly import gradient

N_HEADS, WIDTH = 3, 12


@pytest.mark.parametrize("rate", [0.0, 0.5])
def test_value_and_gradient_equal_plain_attention_under_the_same_masks(rate: float) -> None:
    buckets = cut_buckets(np.array([9, 9, 5, 5, 5, 1]))
    n_places = buckets[-1].stop
    generator = torch.Generator().manual_seed(0)
    packed = torch.randn(n_places, 3 * WIDTH, generator=generator).requires_grad_()
    plain = packed.detach().clone().requires_grad_()
    direction = torch.randn(n_places, WIDTH, generator=generator)

    def masks() -> MaskPool:
        return MaskPool(rate, torch.Generator().manual_seed(7), size=1 << 14)

    mixed = causal_attention(packed, buckets, N_HEADS, masks() if rate else None)
    (mixed * direction).sum().backward()
    cuts, parts = masks(), []
    for bucket in buckets:
        here = plain[bucket.start : bucket.stop].view(bucket.n_windows, bucket.length, 3, N_HEADS, -1)
        query, key, value = here.permute(2, 0, 3, 1, 4)
        logits = query @ key.transpose(2, 3) / (WIDTH / N_HEADS) ** 0.5
        ahead = torch.ones(bucket.length, bucket.length, dtype=torch.bool).triu(1)
        share = logits.masked_fill(ahead, float("-inf")).softmax(dim=3)
        if rate:
            share = share * cuts.cut(bucket.n_windows * N_HEADS, bucket.length, bucket.length).view(share.shape)
        parts.append((share @ value).transpose(1, 2).reshape(-1, WIDTH))
    plainly = torch.cat(parts)
    (plainly * direction).sum().backward()
    torch.testing.assert_close(mixed, plainly, rtol=0, atol=1e-5)
    torch.testing.assert_close(gradient(packed), gradient(plain), rtol=0, atol=1e-5)


def test_a_kept_graph_gives_the_gradient_of_a_second_loss() -> None:
    buckets = cut_buckets(np.array([9, 5, 5, 1]))
    packed = torch.randn(buckets[-1].stop, 3 * WIDTH, generator=torch.Generator().manual_seed(0)).requires_grad_()
    mixed = causal_attention(packed, buckets, N_HEADS, None)
    (first,) = torch.autograd.grad(mixed.sum(), packed, retain_graph=True)
    (second,) = torch.autograd.grad(3.0 * mixed.sum(), packed)
    torch.testing.assert_close(second, 3.0 * first)
    with pytest.raises(RuntimeError, match="second time"):
        torch.autograd.grad(mixed.sum(), packed)
