from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from harness.backbones.dropout import MaskPool
from harness.backbones.duorec.backbone import DuoRec
from harness.backbones.packed.windows import closing_windows, pack, training_windows
from harness.data.interactions import Interactions
from harness.data.sources import DataSpec, load
from harness.data.split import split_prefixes
from tests.backbones.plainly import (
    backward_window_by_window,
    check_every_prefix,
    check_same_gradients,
    exact,
    history_of,
    plain_representation,
    plain_states,
    rough_model,
    world,
)

LENGTHS = [3, 4, 5, 5, 9, 23, 24, 49, 50, 51, 52, 53, 54, 78, 79, 104, 140]


def test_packed_encoding_equals_one_prefix_at_a_time_also_beyond_50_items() -> None:
    data = world(LENGTHS)
    model, prefixes = rough_model(data.n_items), split_prefixes(data)
    packed, plainly = model.encode(data, prefixes), exact(model)
    for number in range(prefixes.n_prefixes):
        history = history_of(data, prefixes, number)
        torch.testing.assert_close(packed[number], plain_representation(plainly, history), rtol=0, atol=1e-5)


def test_chosen_prefixes_are_encoded_in_the_order_asked_for() -> None:
    data = world(LENGTHS)
    model, prefixes = rough_model(data.n_items), split_prefixes(data)
    every = model.encode(data, prefixes)
    wanted = np.random.default_rng(0).permutation(prefixes.n_prefixes)[:80]
    torch.testing.assert_close(model.encode_some(data, prefixes, wanted), every[wanted], rtol=0, atol=1e-5)


def test_more_heads_and_layers_encode_as_plainly() -> None:
    spec = DuoRec(hidden_size=24, n_heads=3, n_layers=3, inner_size=40, max_length=8, stride=4)
    data = world([3, 6, 9, 15, 30])
    model, prefixes = rough_model(data.n_items, spec), split_prefixes(data)
    packed, plainly = model.encode(data, prefixes), exact(model)
    for number in range(prefixes.n_prefixes):
        history = history_of(data, prefixes, number)
        torch.testing.assert_close(packed[number], plain_representation(plainly, history), rtol=0, atol=1e-5)


def test_what_lies_ahead_of_a_prefix_does_not_change_it() -> None:
    data = world([20, 20])
    model, prefixes = rough_model(data.n_items), split_prefixes(data)
    before = model.encode(data, prefixes)
    data.items[12] = data.items[12] % data.n_items + 1
    after = model.encode(data, prefixes)
    changed = np.flatnonzero((before != after).any(dim=1).numpy())
    assert changed.tolist() == list(range(12, 19))


@pytest.mark.parametrize("which", ["forward", "last_places"])
def test_gradients_equal_those_of_the_plain_encoder(which: str) -> None:
    data = world([5, 9, 9, 30, 61])
    model, prefixes = rough_model(data.n_items), split_prefixes(data)
    direction = torch.randn(prefixes.n_prefixes, 64, generator=torch.Generator().manual_seed(1))
    windows = (
        training_windows(data, split_prefixes(data), max_length=50, stride=25)
        if which == "forward"
        else closing_windows(data, prefixes, prefixes.train[::3], max_length=50)
    )
    packed = pack(windows, data.items)
    states = model(packed, None) if which == "forward" else model.last_places(packed, None)
    (states * direction[packed.prefix]).sum().backward()
    plainly = exact(model)
    backward_window_by_window(plainly, plain_states, data, windows, direction)
    check_same_gradients(model, plainly, tolerance=1e-5)


def test_noise_of_rate_0_leaves_the_states_of_the_training_windows() -> None:
    spec = DuoRec(dropout=0.0)
    data = world(LENGTHS)
    model, prefixes = rough_model(data.n_items, spec), split_prefixes(data)
    noisy, plainly = model.encode_noisy(data, prefixes, torch.Generator()), exact(model)
    for row, number in enumerate(prefixes.train):
        position = prefixes.position[number]
        start = 0 if position <= 50 else (position - 26) // 25 * 25
        history = history_of(data, prefixes, number)[start:]
        torch.testing.assert_close(noisy[row], plain_representation(plainly, history), rtol=0, atol=1e-5)


def test_noise_is_repeatable_and_differs_by_generator() -> None:
    data = world([9, 30, 70])
    model, prefixes = rough_model(data.n_items), split_prefixes(data)
    one, same, other = (model.encode_noisy(data, prefixes, torch.Generator().manual_seed(seed)) for seed in (1, 1, 2))
    assert torch.equal(one, same)
    assert not torch.equal(one, other)
    assert not one.requires_grad


def test_both_ways_to_the_last_place_have_the_same_distribution_under_dropout() -> None:
    """They cut their masks in different shapes, so only mean and spread can agree."""
    data = world([12])
    model, prefixes = rough_model(data.n_items), split_prefixes(data)
    packed = pack(closing_windows(data, prefixes, prefixes.valid, max_length=50), data.items)
    masks = MaskPool(0.5, torch.Generator().manual_seed(0), size=1 << 18)
    n = 1500
    with torch.no_grad():
        one, other = (
            torch.cat([way(packed, masks) for _ in range(n) if masks.begin_pass() is None])
            for way in (model.last_places, model)
        )
    error = (one.var(dim=0) / n + other.var(dim=0) / n).sqrt()
    assert ((one.mean(dim=0) - other.mean(dim=0)) / error).abs().max() < 5
    torch.testing.assert_close(one.std(dim=0), other.std(dim=0), rtol=0.15, atol=0)


@pytest.mark.shared
@pytest.mark.slow
@pytest.mark.parametrize("name", ["beauty.txt", "ml-100k.inter"])
def test_packed_encoding_of_real_data_equals_plain_encoding_for_every_prefix(name: str, shared_data: Path) -> None:
    data = _real(shared_data / name)
    check_every_prefix(rough_model(data.n_items), plain_states, data, longest=50)


def _real(path: Path) -> Interactions:
    return load(DataSpec(path=path))
