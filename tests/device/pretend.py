"""A pretended CUDA device: tensors that say they lie on one, hold their numbers on the CPU, and refuse to be mixed.

torch refuses to mix devices, but only where it has one. Here every operation of ATen is looked at: an array that is
read off the device, or a tensor of the CPU that meets one of the device, is the error that it would be on a GPU. What
is computed is computed by the CPU's kernels, so that results can be compared to the bit.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_flatten, tree_map_only, tree_unflatten

DEVICE = torch.device("meta")
"""A device that autograd serves without any hardware; ``cuda`` itself it refuses where torch is built without."""
ATEN = torch.ops.aten

CROSSING = {ATEN._to_copy.default, ATEN.copy_.default}
"""What may take tensors of both sides."""

INDEXING = {ATEN.index.Tensor, ATEN.index_put_.default, ATEN.index_put.default, ATEN._index_put_impl_.default}
"""What takes indices of the CPU as well, as on a GPU."""


NOT_REPEATABLE = {
    f"aten::{name}"
    for name in "bincount cumsum grid_sampler_2d histc index_reduce kthvalue median nanmedian nll_loss2d_forward "
    "nll_loss2d_backward put put_ scatter_reduce".split()
}
"""What differs from call to call on CUDA, and what deterministic kernels are asked for therefore refuse."""


class NotRepeatableError(RuntimeError):
    """An operation that has no deterministic kernel on CUDA."""


class MixedDevicesError(RuntimeError):
    """A tensor of the CPU met one of the device."""


class Pretended(Tensor):
    """A tensor that says it lies on CUDA."""

    held: Tensor

    @staticmethod
    def __new__(cls, held: Tensor) -> Pretended:
        made = Tensor._make_wrapper_subclass(
            cls,
            held.shape,
            strides=held.stride(),
            storage_offset=held.storage_offset(),
            dtype=held.dtype,
            layout=held.layout,
            device=DEVICE,
            requires_grad=False,
        )
        made.held = held
        return made

    __torch_function__ = torch._C._disabled_torch_function_impl  # pyright: ignore[reportAssignmentType]

    def tolist(self) -> Any:
        """As from a GPU, which torch does for no subclass."""
        return self.held.tolist()

    @classmethod
    def __torch_dispatch__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return pretended(func, args, kwargs or {})


class Pretending(TorchDispatchMode):
    """Catches what is made on the device, which no argument of it shows."""

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return pretended(func, args, kwargs or {})


def pretended(func: Any, args: Any, kwargs: dict[str, Any]) -> Any:
    """The operation on the CPU, its results where the device would leave them."""
    flat, shape = tree_flatten((args, kwargs))
    tensors = [each for each in flat if isinstance(each, Tensor)]
    on_device = any(isinstance(each, Pretended) for each in tensors)
    wanted = kwargs.get("device")
    there = on_device if wanted is None else torch.device(wanted).type == DEVICE.type
    if any(each.device == DEVICE and not isinstance(each, Pretended) for each in tensors):
        raise NotImplementedError(f"{func}: what torch.tensor makes shows itself to nobody here; use torch.as_tensor")
    if not on_device and not there:
        return func(*args, **kwargs)
    if func.name().partition(".")[0] in NOT_REPEATABLE:
        raise NotRepeatableError(f"{func} has no deterministic kernel on CUDA")
    if on_device:
        refuse_mixtures(func, args, tensors)
    if there and any(isinstance(each, torch.Generator) for each in flat):
        raise MixedDevicesError(f"{func} draws on the device from a generator of the CPU")
    inner = [each.held if isinstance(each, Pretended) else each for each in flat]
    inner_args, inner_kwargs = tree_unflatten(inner, shape)
    if wanted is not None:
        inner_kwargs = {**inner_kwargs, "device": torch.device("cpu")}
    out = func(*inner_args, **inner_kwargs)
    if func is ATEN._to_copy.default and not there:
        return out.clone() if any(out is each for each in inner) else out
    given = {id(one): other for one, other in zip(inner, flat, strict=True) if isinstance(one, Tensor)}
    return tree_map_only(Tensor, lambda each: given.get(id(each)) if id(each) in given else Pretended(each), out)


def refuse_mixtures(func: Any, args: Any, tensors: list[Tensor]) -> None:
    """Raise where the device would: tensors of the CPU with a dimension, beside some of the device."""
    if func in CROSSING:
        return
    looked_at = [args[0], *([args[2]] if len(args) > 2 else [])] if func in INDEXING else tensors
    strange = [
        each for each in looked_at if isinstance(each, Tensor) and not isinstance(each, Pretended) and each.dim()
    ]
    if strange:
        raise MixedDevicesError(f"{func} mixes the device with a tensor {tuple(strange[0].shape)} of the CPU")
