"""Code for the CPU computes on a device: what is made, drawn and read crosses over, and nothing else may."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from harness.contracts.intervention import probe_inputs
from harness.cuda import carrying
from tests.device.pretend import DEVICE, MixedDevicesError, NotRepeatableError, Pretended, Pretending

DRAWS: dict[str, Callable[[torch.Generator], Tensor]] = {
    "rand": lambda generator: torch.rand(4, 3, generator=generator),
    "randn": lambda generator: torch.randn((4, 3), generator=generator),
    "randint": lambda generator: torch.randint(1000, (5,), generator=generator),
    "randperm": lambda generator: torch.randperm(9, generator=generator),
    "normal of numbers": lambda generator: torch.normal(0.0, 1.0, (3,), generator=generator),
    "normal of tensors": lambda generator: torch.normal(torch.zeros(3), torch.ones(3), generator=generator),
    "bernoulli": lambda generator: torch.bernoulli(torch.full((9,), 0.5), generator=generator),
    "multinomial": lambda generator: torch.multinomial(torch.ones(9), 4, generator=generator),
    "a filled tensor": lambda generator: torch.empty(4, 3).bernoulli_(0.5, generator=generator),
    "first weights": lambda generator: nn.init.normal_(torch.empty(4, 3), std=0.1, generator=generator),
    "first weights by name": lambda generator: nn.init.xavier_uniform_(tensor=torch.empty(4, 3), generator=generator),
}


@pytest.mark.parametrize("draw", DRAWS.values(), ids=DRAWS)
def test_what_is_drawn_is_what_the_cpu_draws(draw: Callable[[torch.Generator], Tensor]) -> None:
    generator = torch.Generator().manual_seed(7)
    expected, then = draw(generator), torch.rand(2, generator=generator)
    with Pretending(), carrying(DEVICE):
        generator = torch.Generator().manual_seed(7)
        drawn, after = draw(generator), torch.rand(2, generator=generator)
        assert isinstance(drawn, Pretended)
        assert torch.equal(drawn.cpu(), expected)
        assert torch.equal(after.cpu(), then)


def test_draws_without_a_generator_come_from_the_cpus_own() -> None:
    torch.manual_seed(3)
    expected = [torch.randperm(9), nn.Linear(3, 2).weight.detach(), torch.rand_like(torch.ones(4))]
    with Pretending(), carrying(DEVICE):
        torch.manual_seed(3)
        drawn = [torch.randperm(9), nn.Linear(3, 2).weight.detach(), torch.rand_like(torch.ones(4))]
        assert all(isinstance(each, Pretended) for each in drawn)
        assert all(torch.equal(one.cpu(), other) for one, other in zip(drawn, expected, strict=True))


def test_a_parameter_that_is_filled_stays_the_parameter() -> None:
    with Pretending(), carrying(DEVICE):
        weight = nn.Linear(3, 2).weight
        assert nn.init.ones_(weight) is weight
        assert nn.init.normal_(weight, generator=torch.Generator().manual_seed(0)) is weight
        assert weight.is_leaf
        assert weight.requires_grad


def test_arrays_cross_both_ways() -> None:
    array = np.arange(6.0).reshape(2, 3)
    with Pretending(), carrying(DEVICE):
        there = torch.as_tensor(array)
        made = [there, torch.zeros(2), torch.arange(3)]
        assert all(isinstance(each, Pretended) for each in made)
        assert torch.tensor([1.0]).device == DEVICE
        np.testing.assert_array_equal((there * 2).numpy(), array * 2)
        np.testing.assert_array_equal(np.asarray(there.sum(dim=0)), array.sum(axis=0))


def test_nothing_of_torch_is_patched_and_afterwards_all_is_as_before() -> None:
    before = {name: value for name, value in vars(torch).items() if callable(value)}
    with Pretending(), carrying(DEVICE):
        assert all(vars(torch)[name] is value for name, value in before.items())
    with pytest.raises(ZeroDivisionError), Pretending(), carrying(DEVICE):
        raise ZeroDivisionError
    assert torch.zeros(1).device == torch.as_tensor(np.zeros(1)).device == torch.device("cpu")


def test_inputs_make_tensors_on_their_own_device() -> None:
    inputs, array = probe_inputs(), np.arange(4)
    assert inputs.device == torch.device("cpu")
    assert inputs.tensor(array).data_ptr() == array.ctypes.data
    with Pretending(), carrying(DEVICE):
        there = replace(inputs, encodings=inputs.encodings.to(DEVICE))
        assert there.device == there.tensor(array).device == DEVICE


@pytest.mark.parametrize(
    "careless",
    [
        lambda there: there + torch.ones(3),
        lambda there: torch.where(torch.ones(3, dtype=torch.bool), there, 0.0),
        lambda there: torch.ones(3).mul_(there),
        lambda there: there.uniform_(generator=torch.Generator()),
        lambda there: torch.from_numpy(np.ones(3)) @ there,
        lambda there: there.masked_fill(torch.ones(3, dtype=torch.bool), 0.0),
    ],
)
def test_the_pretended_device_refuses_what_a_gpu_would(careless: Callable[[Tensor], Tensor]) -> None:
    with Pretending():
        there = torch.ones(3, device=DEVICE, dtype=torch.float64)
        with pytest.raises(MixedDevicesError):
            careless(there)


def test_the_pretended_device_refuses_what_would_not_repeat() -> None:
    with Pretending(), pytest.raises(NotRepeatableError):
        torch.ones(3, device=DEVICE).cumsum(0)


def test_the_pretended_device_cannot_be_read_as_an_array() -> None:
    with Pretending(), pytest.raises(RuntimeError, match="numpy"):
        torch.ones(3, device=DEVICE).numpy()
