from __future__ import annotations

import copy
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from harness.backbones.dropout import MaskPool
from harness.backbones.lrurec.backbone import LRURec
from harness.backbones.lrurec.model import LRUEncoder
from harness.backbones.lrurec.recurrence import linear_recurrence
from harness.backbones.packed.windows import cut_buckets, pack, training_windows
from harness.data.split import split_prefixes
from harness.errors import InputError
from tests.backbones.plainly import check_same_gradients, history_of, world

SPEC = LRURec(hidden_size=16, state_size=24, inner_size=32, max_length=8, stride=4)
LENGTHS = [3, 4, 5, 5, 7, 8, 9, 9, 10, 14, 31]


def _rough(n_items: int, spec: LRURec = SPEC) -> LRUEncoder:
    """A model whose every weight matters: states that grow and turn, biases, norms off the identity."""
    model = spec.build(n_items)
    generator = torch.Generator().manual_seed(0)
    model.initialise(generator)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            parameter.add_(torch.randn(parameter.shape, generator=generator) * (0.05 if "log_" in name else 0.2))
    return model


def _plainly(model: LRUEncoder, history: np.ndarray) -> Tensor:
    """The vector of one history, item by item in double precision, ``(d,)``; every state is written out."""
    weight = {name: each.double() for name, each in model.named_parameters()}

    def linear(x: Tensor, name: str) -> Tensor:
        return weight[f"{name}.weight"] @ x + weight[f"{name}.bias"]

    def norm(x: Tensor, name: str) -> Tensor:
        return F.layer_norm(x, x.shape, weight[f"{name}.weight"], weight[f"{name}.bias"])

    n = model.blocks[0].get_parameter("log_rate").numel()
    held = [torch.zeros(n, dtype=torch.complex128) for _ in model.blocks]
    x = torch.zeros(0)
    for item in history:
        x = norm(weight["item_embedding.weight"][int(item)], "embedding_norm")
        for number in range(len(held)):
            block = f"blocks.{number}"
            rate, angle, scale = (weight[f"{block}.log_{each}"].exp() for each in ("rate", "angle", "scale"))
            pairs = linear(x, f"{block}.input")
            held[number] = torch.polar((-rate).exp(), angle) * held[number] + scale * (pairs[0::2] + 1j * pairs[1::2])
            turned = torch.stack([held[number].real, held[number].imag], dim=1).flatten()
            x = norm(x + linear(turned, f"{block}.output"), f"{block}.recurrence_norm")
            inner = linear(F.gelu(linear(x, f"{block}.expansion")), f"{block}.contraction")
            x = norm(x + inner, f"{block}.feed_forward_norm")
    return x


@pytest.mark.parametrize("spec", [SPEC, LRURec(hidden_size=12, state_size=8, n_layers=3)], ids=["long", "deep"])
def test_packed_encoding_equals_one_prefix_at_a_time_item_by_item(spec: LRURec) -> None:
    data = world(LENGTHS)
    model, prefixes = _rough(data.n_items, spec), split_prefixes(data)
    packed = model.encode(data, prefixes)
    with torch.no_grad():
        plain = [
            _plainly(model, history_of(data, prefixes, number)[-spec.max_length :])
            for number in range(prefixes.n_prefixes)
        ]
    torch.testing.assert_close(packed, torch.stack(plain).float(), rtol=0, atol=1e-5)
    assert (packed[1:] - packed[:-1]).norm(dim=1).min() > 0.1


def test_gradients_of_a_packed_pass_are_those_of_one_prefix_at_a_time() -> None:
    data = world(LENGTHS)
    model, prefixes = _rough(data.n_items), split_prefixes(data)
    packed = pack(training_windows(data, prefixes, max_length=8, stride=4), data.items)
    direction = torch.randn(len(packed.rows), 16, generator=torch.Generator().manual_seed(1))
    (model(packed, None) * direction).sum().backward()
    plainly = copy.deepcopy(model).double()
    plainly.zero_grad()
    for row, number in enumerate(packed.prefix):
        reach = int(packed.positions[packed.rows[row]]) + 1
        (_plainly(plainly, history_of(data, prefixes, number)[-reach:]) * direction[row]).sum().backward()
    check_same_gradients(model, plainly, tolerance=1e-4)


def test_the_recurrence_has_the_gradient_that_finite_differences_have() -> None:
    generator = torch.Generator().manual_seed(0)
    buckets = cut_buckets(np.array([5, 5, 3, 1]))
    inputs = torch.randn(buckets[-1].stop, 3, 2, dtype=torch.float64, generator=generator).requires_grad_()
    decay = (0.5 * torch.randn(3, 2, dtype=torch.float64, generator=generator)).requires_grad_()
    assert torch.autograd.gradcheck(lambda a, b: linear_recurrence(a, b, buckets), (inputs, decay))


def test_decays_start_inside_the_ring_with_states_of_the_inputs_size() -> None:
    model = LRURec(state_size=4096, n_layers=1).build(5)
    model.initialise(torch.Generator().manual_seed(0))
    weight = model.state_dict()
    modulus = torch.exp(-weight["blocks.0.log_rate"].exp())
    assert 0.8 <= float(modulus.min()) < 0.81
    assert 0.98 < float(modulus.max()) <= 0.99
    torch.testing.assert_close(weight["blocks.0.log_scale"].exp() ** 2, 1 - modulus**2)
    assert float(weight["blocks.0.log_angle"].exp().max()) < 2 * np.pi


def test_dropout_thins_every_part() -> None:
    """Four places a pass with two blocks cut masks for: the embeddings and three of each block."""
    data = world([12, 12])
    model, prefixes = _rough(data.n_items), split_prefixes(data)
    packed = pack(training_windows(data, prefixes, max_length=8, stride=4), data.items)
    cuts: list[tuple[int, ...]] = []

    class Pool(MaskPool):
        def cut(self, *shape: int) -> Tensor:
            cuts.append(shape)
            return super().cut(*shape)

    noisy = model(packed, Pool(0.5, torch.Generator().manual_seed(0), size=1 << 16))
    places, rows = len(packed.items), len(packed.rows)
    assert cuts == [(places, 16)] + [(n, width) for n in (places, rows) for width in (16, 32, 16)]
    assert not torch.equal(noisy, model(packed, None))


@pytest.mark.parametrize("wrong", [{"shortest": 0.0}, {"longest": 1.0}, {"shortest": 0.995}])
def test_an_impossible_ring_of_decays_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(InputError, match="shortest"):
        replace(LRURec(), **wrong)
