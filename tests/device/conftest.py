"""A pretended device to compute on, and a small world."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import torch
from torch.overrides import TorchFunctionMode
from torch.utils._pytree import tree_map_only

from harness.cuda import carrying
from harness.data.interactions import Interactions
from harness.data.planted import PlantedWorld, plant
from harness.device import what_is_missing
from tests.device.pretend import DEVICE, Pretending


class Renaming(TorchFunctionMode):
    """Lets CUDA mean the pretended device."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        args, kwargs = tree_map_only(torch.device, lambda each: DEVICE if each.type == "cuda" else each, (args, kwargs))
        return func(*args, **(kwargs or {}))


@contextmanager
def computing_on_pretended(device: str) -> Iterator[None]:
    """Stands in for ``harness.device.computing_on``, with the pretended device for CUDA."""
    if device == "cpu":
        yield
        return
    with Pretending(), carrying(DEVICE), Renaming():
        yield


@pytest.fixture
def pretended(monkeypatch: pytest.MonkeyPatch) -> None:
    """``cuda`` is the pretended device wherever a study computes."""
    for module in (
        "harness.backbones.training",
        "harness.runner.tasks",
        "harness.runner.shared",
        "harness.audit.pool",
    ):
        __import__(module)
        monkeypatch.setattr(sys.modules[module], "computing_on", computing_on_pretended)
    monkeypatch.setattr("harness.runner.tasks.device_provenance", lambda device: {"device": device})
    # Adam has a fused kernel for every device but this one, which has that of the CPU.
    optimizer = sys.modules[torch.optim.Optimizer.__module__]
    monkeypatch.setattr(optimizer, "_get_fused_kernels_supported_devices", lambda: ["cpu", DEVICE.type])


@pytest.fixture(scope="session")
def world() -> Interactions:
    return plant(PlantedWorld(n_users=60, n_items=60, mean_length=14.0, group_size=6)).interactions


@pytest.fixture
def gpu() -> None:
    """Skips where there is none; the tests that ask for it are marked ``gpu``."""
    missing = what_is_missing()
    if missing is not None:
        pytest.skip(f"needs a CUDA device: {missing}")
