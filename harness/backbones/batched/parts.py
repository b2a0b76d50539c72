"""The parts of an author's module: its item embedding, and its parameters in groups."""

from __future__ import annotations

import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from operator import attrgetter
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm  # pyright: ignore[reportPrivateUsage]

from harness.backbones.batched.recipe import OfModule
from harness.backbones.values import ParameterGroups
from harness.errors import FtrError, InputError

PREFIX = "module."
"""Prefix of the names of groups, so that no name is confused with a part of a run."""


class ModuleError(InputError):
    """A module that cannot be used as a backbone."""


@contextmanager
def blamed(what: str, file: str | None) -> Iterator[None]:
    """Turn an exception raised in the author's code inside the block into an error that names its place.

    Args:
        what: the code in words.
        file: the file with this code, if known.

    Raises:
        ModuleError: in place of any exception other than :class:`~harness.errors.FtrError`.
    """
    try:
        yield
    except FtrError:
        raise
    except Exception as problem:
        frames = traceback.extract_tb(problem.__traceback__)
        own = [each for each in frames if each.filename == file] or frames
        place = f"{Path(own[-1].filename).name}, line {own[-1].lineno}"
        said = str(problem).partition("\n")[0]
        raise ModuleError(f"{what} raises {type(problem).__name__} ({said}) at {place}; mend it there") from problem


def find_items(module: nn.Module, spec: OfModule, n_items: int) -> Tensor:
    """Return the tensor of item vectors, ``(n_items + 1, d)``.

    Raises:
        ModuleError: there is no such tensor, or its shape, dtype or padding index is wrong.
    """
    where, path = type(module).__name__, spec.item_embedding
    try:
        found = attrgetter(path)(module)
    except AttributeError as problem:
        raise ModuleError(
            f"{where} has no {path} ({problem}); name its item embedding in {type(spec).__name__}.item_embedding"
        ) from problem
    need = f"nn.Embedding(n_items + 1, d, padding_idx=0), here of {n_items + 1} rows, the first of them padding"
    if isinstance(found, nn.Embedding):
        if found.padding_idx != 0:
            raise ModuleError(f"{where}.{path} has padding_idx={found.padding_idx}; make it {need}")
        found = found.weight
    if not isinstance(found, Tensor) or found.dim() != 2 or len(found) != n_items + 1:
        given = f"has the shape {tuple(found.shape)}" if isinstance(found, Tensor) else f"is a {type(found).__name__}"
        raise ModuleError(f"{where}.{path} {given}; make it {need}")
    if found.dtype is not torch.float32:
        raise ModuleError(f"{where}.{path} is {found.dtype}; make it float32")
    return found


def check_parts(module: nn.Module) -> None:
    """Refuse parts of a module that a file or a run of a study cannot hold.

    Raises:
        ModuleError: names the part and the fix.
    """
    where = type(module).__name__
    names: dict[int, str] = {}
    for name, parameter in module.named_parameters(remove_duplicate=False):
        if id(parameter) in names:
            raise ModuleError(
                f"{where}.{name} is the same tensor as {names[id(parameter)]}; keep it once (items are scored by the "
                "item embedding, so no output layer is needed)"
            )
        names[id(parameter)] = name
        if not parameter.requires_grad or parameter.dtype is not torch.float32:
            raise ModuleError(
                f"{where}.{name} is {parameter.dtype} with requires_grad={parameter.requires_grad}; make it float32 "
                "and trainable, or a buffer"
            )
    _check_memory(module)
    for name, part in module.named_modules():
        if isinstance(part, _BatchNorm):
            raise ModuleError(
                f"{where}.{name} is a {type(part).__name__}, by which a history's vector depends on the batch that it "
                "comes in; use nn.LayerNorm"
            )


def _check_memory(module: nn.Module) -> None:
    """Refuse a state that a file cannot hold: each entry must be a tensor with memory of its own."""
    where = type(module).__name__
    ranges: list[tuple[int, int, str]] = []
    for name, each in module.state_dict().items():
        if not isinstance(each, Tensor):
            raise ModuleError(f"{where}.{name} is a {type(each).__name__}; keep what get_extra_state gives in buffers")
        last = sum((size - 1) * stride for size, stride in zip(each.shape, each.stride(), strict=True))
        if each.numel() > last + 1:
            raise ModuleError(f"{where}.{name} repeats numbers in memory; add .clone() to what expand() gives")
        if each.numel() and each.data_ptr():  # an empty tensor has no memory
            ranges.append((each.data_ptr(), each.data_ptr() + (last + 1) * each.element_size(), name))
    ranges.sort()
    for (_, end, one), (start, _, other) in pairwise(ranges):
        if start < end:
            raise ModuleError(f"{where}.{other} shares memory with {one}; add .clone(), or keep it once")


def check_blocks(groups: ParameterGroups, module: nn.Module, spec: OfModule) -> None:
    """Refuse a backbone whose ``has_blocks`` disagrees with its module.

    Raises:
        ModuleError: names what to change.
    """
    if bool(groups.blocks) is spec.has_blocks:
        return
    where, found = type(spec).__name__, ", ".join(groups.blocks) or "none"
    raise ModuleError(
        f"{where}.has_blocks is {spec.has_blocks}, and the blocks of {type(module).__name__} are {found}; write "
        f"has_blocks: ClassVar[bool] = {bool(groups.blocks)} into {where}"
        + ("" if groups.blocks else ", or name sub-modules with parameters in blocks")
    )


def grouped(module: nn.Module, spec: OfModule) -> tuple[ParameterGroups, dict[str, list[nn.Parameter]]]:
    """Return the groups of a module and the parameters of each; a shared parameter belongs to its first group.

    Raises:
        ModuleError: a name in ``blocks`` is not a sub-module.
    """
    parts: dict[str, list[nn.Parameter]] = {spec.item_embedding: _at(module, spec.item_embedding)}
    for name, part in _named_blocks(module, spec):
        parts[name] = list(part.parameters())
    blocks = [name for name in parts if name != spec.item_embedding]
    rest: dict[str, list[nn.Parameter]] = {name: [each] for name, each in module.named_parameters(recurse=False)}
    rest |= {name: list(part.parameters()) for name, part in module.named_children()}
    given = {id(each) for parameters in parts.values() for each in parameters}
    left = {
        name: [each for each in parameters if id(each) not in given]
        for name, parameters in rest.items()
        if name not in parts
    }
    groups = {f"{PREFIX}{name}": members for name, members in _first_only({**parts, **left}).items()}
    embeddings = [spec.item_embedding, *left]
    return (
        ParameterGroups(
            embeddings=tuple(f"{PREFIX}{name}" for name in embeddings if f"{PREFIX}{name}" in groups),
            blocks=tuple(f"{PREFIX}{name}" for name in blocks if f"{PREFIX}{name}" in groups),
        ),
        groups,
    )


def _named_blocks(module: nn.Module, spec: OfModule) -> list[tuple[str, nn.Module]]:
    if spec.blocks:
        try:
            return [(name, module.get_submodule(name)) for name in spec.blocks]
        except AttributeError as problem:
            raise ModuleError(f"{type(spec).__name__}.blocks: {problem}; name sub-modules of it") from problem
    found: list[tuple[str, nn.Module]] = []
    for name, child in module.named_children():
        if isinstance(child, nn.ModuleList):
            found += [(f"{name}.{number}", part) for number, part in enumerate(child)]
        elif not isinstance(child, nn.Embedding):
            found.append((name, child))
    return found


def _at(module: nn.Module, path: str) -> list[nn.Parameter]:
    """Return the parameters at a dotted name, a sub-module or a parameter; none if a property computes the value."""
    found = attrgetter(path)(module)
    if isinstance(found, nn.Module):
        return list(found.parameters())
    return [found] if isinstance(found, nn.Parameter) else []


def _first_only(parts: dict[str, list[nn.Parameter]]) -> dict[str, list[nn.Parameter]]:
    """Return the parts with the parameters that no earlier part holds; parts left empty are dropped."""
    seen: set[int] = set()
    kept: dict[str, list[nn.Parameter]] = {}
    for name, parameters in parts.items():
        own = [each for each in parameters if id(each) not in seen]
        seen |= {id(each) for each in own}
        if own:
            kept[name] = own
    return kept
