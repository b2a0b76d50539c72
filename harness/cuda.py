"""The one place that knows how a computation written for the CPU runs on a CUDA device."""

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
"""Functions of torch that draw at random, whether or not they are given a generator."""

TO_NUMPY = frozenset({Tensor.numpy, Tensor.__array__})


class Carrying(TorchFunctionMode):
    """Carries tensors over where code crosses between numpy or the random generators and the device.

    Code is written once, for the CPU. Below ``torch.device(...)`` new tensors lie on the device. Arrays of numpy's
    become tensors by ``Inputs.tensor`` or ``torch.as_tensor``, never by ``torch.from_numpy``, which knows the CPU
    alone. This adds the crossings that torch leaves to its callers:

    - a tensor of the device becomes an array by a copy;
    - what is drawn at random is drawn on the CPU, by the CPU's generators, and then carried over, so that a run has the
      same first weights, orders and dropout masks wherever it computes.
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
        """The same draw on the CPU; a function that fills a tensor fills that of the device."""
        tensors = [each for each in tree_leaves((args, kwargs)) if isinstance(each, Tensor)]
        args, kwargs = tree_map_only(Tensor, lambda each: each.detach().cpu(), (args, kwargs))
        drawn = func(*args, **kwargs) if tensors else func(*args, **{**kwargs, "device": "cpu"})
        if not tensors or not func.__name__.endswith("_"):
            return drawn.to(self._device)
        with torch.no_grad():
            return tensors[0].copy_(drawn)


@contextmanager
def carrying(device: torch.device) -> Iterator[None]:
    """Inside, new tensors lie on the device, and what crosses between it and the CPU is carried over."""
    with device, Carrying(device):
        yield
