"""What torch does by itself inside a stranger's module: its global generators and cuDNN's layers."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext

import torch
from torch import nn


@contextmanager
def drawing_from(seed: int, device: torch.device) -> Iterator[None]:
    """Inside, torch's global generators start from a seed; afterwards they are where they were."""
    cuda = [torch.cuda.current_device()] if device.type == "cuda" else []
    with torch.random.fork_rng(devices=cuda):
        torch.default_generator.manual_seed(seed)
        if cuda:
            torch.cuda.manual_seed(seed)
        yield


def recurrent(module: nn.Module, device: torch.device, *, noisy: bool) -> AbstractContextManager[None]:
    """Recurrent layers of cuDNN have no gradient in eval mode, and their dropout obeys no generator of torch's.

    Args:
        module: that may have some.
        device: that it computes on; only CUDA has cuDNN.
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
