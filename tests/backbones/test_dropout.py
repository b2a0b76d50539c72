from __future__ import annotations

import itertools

import pytest
import torch

from harness.backbones.dropout import MaskPool


def _pool(rate: float, seed: int = 0, size: int = 1 << 16) -> MaskPool:
    return MaskPool(rate, torch.Generator().manual_seed(seed), size=size)


@pytest.mark.parametrize("rate", [0.1, 0.5, 0.8])
def test_masks_keep_the_stated_share_and_the_mean(rate: float) -> None:
    mask = _pool(rate).cut(1 << 16)
    assert mask.unique().tolist() == pytest.approx([0.0, 1 / (1 - rate)])
    error = (rate * (1 - rate) / mask.numel()) ** 0.5
    assert abs((mask == 0).float().mean().item() - rate) < 5 * error
    assert abs(mask.mean().item() - 1) < 5 * error / (1 - rate)


def test_the_cuts_of_a_pass_share_no_element() -> None:
    masks = _pool(0.5)
    for _ in range(20):
        masks.begin_pass()
        places = [
            mask.storage_offset() for mask in (masks.cut(30, 10), masks.cut(50, 20), masks.cut(7), masks.cut(900))
        ]
        ends = [place + size for place, size in zip(places, (300, 1000, 7, 900), strict=True)]
        spans = sorted(zip(places, ends, strict=True))
        assert all(first[1] <= second[0] for first, second in itertools.pairwise(spans))


def test_passes_start_at_different_places() -> None:
    masks = _pool(0.5)
    starts = set()
    for _ in range(50):
        masks.begin_pass()
        starts.add(masks.cut(10).storage_offset())
    assert len(starts) > 45


def test_over_many_passes_every_place_is_dropped_at_the_rate_and_neighbours_independently() -> None:
    masks = _pool(0.3, size=1 << 15)
    n = 4000
    total, both = torch.zeros(64), torch.zeros(63)
    for _ in range(n):
        masks.begin_pass()
        dropped = (masks.cut(64) == 0).float()
        total += dropped
        both += dropped[1:] * dropped[:-1]
    assert (total / n - 0.3).abs().max() < 5 * (0.21 / n) ** 0.5
    assert (both / n - 0.09).abs().max() < 5 * (0.09 / n) ** 0.5


def test_a_cut_larger_than_the_pool_draws_a_larger_one() -> None:
    masks = _pool(0.5, size=100)
    assert masks.cut(30, 30).shape == (30, 30)
    assert masks.cut(30, 30).mean().item() == pytest.approx(1.0, abs=0.2)


def test_masks_depend_on_the_generator_alone() -> None:
    one, same, other = _pool(0.5, 1), _pool(0.5, 1), _pool(0.5, 2)
    for pool in (one, same, other):
        pool.begin_pass()
    mask = one.cut(500)
    assert torch.equal(mask, same.cut(500))
    assert not torch.equal(mask, other.cut(500))
