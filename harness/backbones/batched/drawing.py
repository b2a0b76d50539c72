"""Control of what torch does implicitly inside an author's module: global generators and cuDNN's recurrent layers."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext

import torch
from torch import nn


@contextmanager
def drawing_from(seed: int, device: torch.device) -> Iterator[None]:
    """Seed torch's global generators inside the block, and restore their states afterwards."""
    cuda = [torch.cuda.current_device()] if device.type == "cuda" else []
    with torch.random.fork_rng(devices=cuda):
        torch.default_generator.manual_seed(seed)
        if cuda:
            torch.cuda.manual_seed(seed)
        yield


def recurrent(module: nn.Module, device: torch.device, *, noisy: bool) -> AbstractContextManager[None]:
    """Disable cuDNN's recurrent layers where they lack a gradient (eval mode) or ignore torch's generators (dropout).

    Args:
        module: module that may have recurrent layers.
        device: device that it computes on; cuDNN exists only on CUDA.
        noisy: whether the module is in train mode.
    """
    layers = [each for each in module.modules() if isinstance(each, nn.RNNBase)]
    if device.type != "cuda" or not layers:
        return nullcontext()
    fit = noisy or not torch.is_grad_enabled()
    return torch.backends.cudnn.flags(
        enabled=fit and not any(each.dropout for each in layers),
        benchmark=False,
        deterministic=True,
        allow_tf32=False,
    )
