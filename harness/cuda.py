"""Runs a computation that is written for the CPU on a CUDA device."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode
from torch.utils._pytree import tree_leaves, tree_map_only

DRAWS = frozenset(
    {
        torch.bernoulli,
        torch.multinomial,
        torch.normal,
        torch.poisson,
        torch.rand,
        torch.rand_like,
        torch.randint,
        torch.randint_like,
        torch.randn,
        torch.randn_like,
        torch.randperm,
        Tensor.bernoulli,
        Tensor.bernoulli_,
        Tensor.cauchy_,
        Tensor.exponential_,
        Tensor.geometric_,
        Tensor.log_normal_,
        Tensor.multinomial,
        Tensor.normal_,
        Tensor.random_,
        Tensor.uniform_,
        torch.nn.init.kaiming_normal_,
        torch.nn.init.kaiming_uniform_,
        torch.nn.init.normal_,
        torch.nn.init.orthogonal_,
        torch.nn.init.sparse_,
        torch.nn.init.trunc_normal_,
        torch.nn.init.uniform_,
        torch.nn.init.xavier_normal_,
        torch.nn.init.xavier_uniform_,
    }
)
"""Functions of torch that draw random numbers, with or without a generator argument."""

TO_NUMPY = frozenset({Tensor.numpy, Tensor.__array__})


class Carrying(TorchFunctionMode):
    """A mode that copies tensors between the device and numpy or the CPU's random generators.

    Code is written once, for the CPU. Inside ``with torch.device(...)`` new tensors are created on the device. Convert
    NumPy arrays with ``Inputs.tensor`` or ``torch.as_tensor``, never with ``torch.from_numpy``, which supports only the
    CPU. This mode adds the copies that torch leaves to its callers:

    - a tensor on the device is copied to become an array;
    - random numbers are drawn on the CPU, by the CPU's generators, and then copied, so that a run has the same initial
      weights, orders and dropout masks on every device.
    """

    def __init__(self, device: torch.device) -> None:
        super().__init__()
        self._device = device

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if func in TO_NUMPY:
            return func(args[0].cpu(), *args[1:], **kwargs)
        if func in DRAWS or kwargs.get("generator") is not None:
            return self._drawn(func, args, kwargs)
        return func(*args, **kwargs)

    def _drawn(self, func: Any, args: Any, kwargs: Any) -> Any:
        """Return the draw, made on the CPU; an in-place function fills the tensor on the device."""
        tensors = [each for each in tree_leaves((args, kwargs)) if isinstance(each, Tensor)]
        args, kwargs = tree_map_only(Tensor, lambda each: each.detach().cpu(), (args, kwargs))
        drawn = func(*args, **kwargs) if tensors else func(*args, **{**kwargs, "device": "cpu"})
        if not tensors or not func.__name__.endswith("_"):
            return drawn.to(self._device)
        with torch.no_grad():
            return tensors[0].copy_(drawn)


@contextmanager
def carrying(device: torch.device) -> Iterator[None]:
    """Create new tensors on the device inside the block, and copy between it and the CPU as needed."""
    with device, Carrying(device):
        yield
