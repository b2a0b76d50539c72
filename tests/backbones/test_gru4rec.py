"""GRU4Rec's packed pass against a plainly written one, a prefix at a time."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from harness.backbones.gru4rec.backbone import GRU4Rec
from harness.backbones.gru4rec.model import GRU4RecEncoder
from harness.backbones.gru4rec.recurrence import Steps, recur
from harness.backbones.packed.windows import closing_windows, opening_windows, pack, training_windows
from harness.data.sources import DataSpec, load
from harness.data.split import split_prefixes
from harness.errors import InputError
from tests.backbones.plainly import (
    backward_window_by_window,
    check_every_prefix,
    check_same_gradients,
    exact,
    history_of,
    world,
)

LENGTHS = [3, 4, 5, 5, 9, 15, 16, 17, 18, 19, 24, 25, 33, 40]
SPEC = GRU4Rec(hidden_size=12, recurrent_size=20, max_length=16, stride=8)
DEEP = replace(SPEC, n_layers=3, max_length=8, stride=4)


def rough(n_items: int, spec: GRU4Rec) -> GRU4RecEncoder:
    """A model whose gates are neither open nor shut."""
    model = spec.build(n_items)
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.normal_(std=0.5, generator=generator)
    return model


def plain_states(model: GRU4RecEncoder, histories: Tensor) -> Tensor:
    """The vector after every item of histories of one length, ``(n, length, d)``, as a textbook writes it.

    Args:
        model: whose weights are used, by name.
        histories: item numbers, ``(n, length)``.
    """
    weights = dict(model.named_parameters())
    x = weights["item_embedding.weight"][histories]
    for layer in range(model.spec.n_layers):
        into_reset, into_update, into_new = weights[f"blocks.{layer}.input.weight"].chunk(3)
        from_reset, from_update, from_new = weights[f"blocks.{layer}.state.weight"].chunk(3)
        state = x.new_zeros(len(x), model.spec.recurrent_size)
        states = []
        for item in x.unbind(1):
            reset = torch.sigmoid(item @ into_reset.T + state @ from_reset.T)
            update = torch.sigmoid(item @ into_update.T + state @ from_update.T)
            new = torch.tanh(item @ into_new.T + reset * (state @ from_new.T))
            state = (1 - update) * new + update * state
            states.append(state)
        x = torch.stack(states, dim=1)
    last = f"blocks.{model.spec.n_layers - 1}.dense"
    return x @ weights[f"{last}.weight"].T + weights[f"{last}.bias"]


def plain_representation(model: GRU4RecEncoder, history: np.ndarray) -> Tensor:
    """One prefix at a time: its last ``max_length`` items, from a state of zeros, ``(d,)`` float32."""
    recent = torch.as_tensor(history[-model.spec.max_length :].astype(np.int64))
    with torch.no_grad():
        return plain_states(model, recent.unsqueeze(0))[0, -1].float()


@pytest.mark.parametrize("spec", [SPEC, DEEP], ids=["one layer", "three"])
def test_packed_encoding_equals_one_prefix_at_a_time_also_beyond_the_longest_history(spec: GRU4Rec) -> None:
    data = world(LENGTHS)
    model, prefixes = rough(data.n_items, spec), split_prefixes(data)
    packed, plainly = model.encode(data, prefixes), exact(model)
    assert prefixes.position.max() > 2 * spec.max_length
    for number in range(prefixes.n_prefixes):
        history = history_of(data, prefixes, number)
        torch.testing.assert_close(packed[number], plain_representation(plainly, history), rtol=0, atol=1e-5)


def test_chosen_prefixes_are_encoded_in_the_order_asked_for() -> None:
    data = world(LENGTHS)
    model, prefixes = rough(data.n_items, SPEC), split_prefixes(data)
    every = model.encode(data, prefixes)
    wanted = np.random.default_rng(0).permutation(prefixes.n_prefixes)[:80]
    torch.testing.assert_close(model.encode_some(data, prefixes, wanted), every[wanted], rtol=0, atol=1e-5)


@pytest.mark.parametrize("spec", [SPEC, DEEP], ids=["one layer", "three"])
def test_gradients_equal_those_of_the_plain_encoder(spec: GRU4Rec) -> None:
    data = world([5, 9, 9, 30, 61])
    model, prefixes = rough(data.n_items, spec), split_prefixes(data)
    direction = torch.randn(prefixes.n_prefixes, spec.hidden_size, generator=torch.Generator().manual_seed(1))
    windows = training_windows(data, prefixes, max_length=spec.max_length, stride=spec.stride)
    packed = pack(windows, data.items)
    (model(packed, None) * direction[packed.prefix]).sum().backward()
    plainly = exact(model)
    backward_window_by_window(plainly, plain_states, data, windows, direction)
    check_same_gradients(model, plainly, tolerance=1e-5)


def test_states_and_gradients_are_those_of_torchs_own_unit() -> None:
    generator = torch.Generator().manual_seed(0)
    unit = torch.nn.GRU(6, 10, bias=False)
    counts = (5, 5, 3, 1)
    inputs = torch.randn(sum(counts), 6, generator=generator)
    direction = torch.randn(sum(counts), 10, generator=generator)
    ours, theirs = inputs.clone().requires_grad_(), inputs.clone().requires_grad_()
    into, carried = unit.parameters()
    states = recur(ours @ into.T, carried, counts)
    expected = unit(torch.nn.utils.rnn.PackedSequence(theirs, torch.tensor(counts)))[0].data
    torch.testing.assert_close(states, expected, rtol=0, atol=1e-6)
    found = torch.autograd.grad((states * direction).sum(), [ours, into, carried])
    wanted = torch.autograd.grad((expected * direction).sum(), [theirs, into, carried])
    for one, other in zip(found, wanted, strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=1e-5)


def test_a_kept_graph_gives_the_gradient_of_a_second_loss() -> None:
    generator = torch.Generator().manual_seed(0)
    projected = torch.randn(9, 12, generator=generator).requires_grad_()
    weight = torch.randn(12, 4, generator=generator).requires_grad_()
    states = recur(projected, weight, (4, 3, 2))
    first = torch.autograd.grad(states.sum(), [projected, weight], retain_graph=True)
    second = torch.autograd.grad(3.0 * states.sum(), [projected, weight])
    for one, other in zip(first, second, strict=True):
        torch.testing.assert_close(other, 3.0 * one)


@settings(max_examples=40)
@given(lengths=st.lists(st.integers(3, 40), min_size=1, max_size=12), closing=st.booleans())
def test_steps_hold_every_real_place_once_and_find_the_scored_ones(lengths: list[int], closing: bool) -> None:
    data = world(lengths)
    prefixes = split_prefixes(data)
    windows = opening_windows(data, max_length=16)
    if closing:
        windows = closing_windows(data, prefixes, prefixes.valid, max_length=16)
    packed = pack(windows, data.items)
    steps = Steps.of(packed)
    assert sum(steps.counts) == len(steps.places) == int(packed.lengths.sum())
    assert sorted(steps.places.tolist()) == np.flatnonzero(packed.items.numpy()).tolist()
    assert torch.equal(steps.places[steps.rows], packed.rows)
    at = 0
    for step, count in enumerate(steps.counts):
        assert packed.positions[steps.places[at : at + count]].tolist() == [step] * count
        at += count


def test_noise_of_rate_0_leaves_the_states_of_the_training_windows() -> None:
    data = world(LENGTHS)
    model, prefixes = rough(data.n_items, replace(SPEC, dropout=0.0)), split_prefixes(data)
    noisy, plainly = model.encode_noisy(data, prefixes, torch.Generator()), exact(model)
    for row, number in enumerate(prefixes.train):
        position = prefixes.position[number]
        start = 0 if position <= 16 else (position - 9) // 8 * 8
        history = history_of(data, prefixes, number)[start:]
        torch.testing.assert_close(noisy[row], plain_representation(plainly, history), rtol=0, atol=1e-5)


def test_the_last_block_is_the_last_layer_with_the_dense_layer_behind_it() -> None:
    model = DEEP.build(9)
    (last,) = model.parameter_groups.last_blocks(1)
    names = {name for name, _ in model.named_parameters() if name.startswith(last)}
    assert names == {f"blocks.2.{part}" for part in ("input.weight", "state.weight", "dense.weight", "dense.bias")}
    assert len(model.parameter_groups.blocks) == 3


@pytest.mark.parametrize("wrong", [{"n_layers": 0}, {"recurrent_size": 0}, {"dropout": 1.0}], ids=str)
def test_an_impossible_specification_is_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(InputError, match=next(iter(wrong))):
        replace(GRU4Rec(), **wrong)


@pytest.mark.shared
@pytest.mark.slow
@pytest.mark.parametrize("name", ["beauty.txt", "ml-100k.inter"])
def test_packed_encoding_of_real_data_equals_plain_encoding_for_every_prefix(name: str, shared_data: Path) -> None:
    data = load(DataSpec(path=shared_data / name))
    check_every_prefix(rough(data.n_items, replace(SPEC, max_length=50, stride=25)), plain_states, data, longest=50)
