"""Checks of an author's module before training; each error names the module's class, the mistake and the fix."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping

import torch
from torch import Tensor, nn

from harness.backbones.batched.parts import ModuleError

TOLERANCE = 1e-4
"""Allowed difference between vectors computed in batches of different shape, relative to the largest number."""

Run = Callable[[Tensor, Tensor], Tensor]
"""A pass of the module: from items ``(batch, longest)`` and lengths ``(batch,)`` to float32 vectors or states."""


class NotFiniteError(ModuleError):
    """A module that returns numbers that are not finite."""


def trial_histories(n_items: int, max_length: int) -> tuple[Tensor, Tensor]:
    """Return histories of different lengths, 1 to ``max_length``: items ``(batch, longest)``, lengths ``(batch,)``."""
    lengths = torch.as_tensor([min(each, max_length) for each in (2, max_length, 1, 5, 3)])
    place = torch.arange(int(lengths.max()))
    items = (7 * torch.arange(len(lengths)).unsqueeze(1) + 3 * place) % n_items + 1
    return torch.where(place < lengths.unsqueeze(1), items, 0), lengths


def check_output(given: object, what: str, expected: tuple[int, ...], layout: str) -> Tensor:
    """Return the output of a pass if it is a float32 tensor of the expected shape.

    Raises:
        ModuleError: it is not.
    """
    need = f"give one float32 tensor {layout}, here {expected}"
    if not isinstance(given, Tensor):
        raise ModuleError(f"{what} gives a {type(given).__name__}; {need}")
    if tuple(given.shape) != expected:
        raise ModuleError(f"{what} gives the shape {tuple(given.shape)}; {need}")
    if given.dtype is not torch.float32:
        raise ModuleError(f"{what} gives {given.dtype}; {need} (make constants float32 and leave out .double())")
    return given


def check_finite(given: Tensor, what: str, module: nn.Module) -> Tensor:
    """Return the vectors if all their numbers are finite.

    Raises:
        ModuleError: some are not; the message says whether the weights are the cause.
    """
    if torch.isfinite(given).all():
        return given
    lost = [name for name, each in module.named_parameters() if not torch.isfinite(each).all()]
    if lost:
        raise NotFiniteError(
            f"{what} gives numbers that are not finite, since {lost[0]} is not; lower its learning_rate"
        )
    raise NotFiniteError(
        f"{what} gives numbers that are not finite, though its weights are; look for a softmax over padding alone, a "
        "division by 0 or the logarithm of 0"
    )


def check_repeats(run: Run, what: str, items: Tensor, lengths: Tensor) -> None:
    """Check that two passes over the same batch without dropout return the same bits.

    Raises:
        ModuleError: they do not.
    """
    if not torch.equal(run(items, lengths), run(items, lengths)):
        raise ModuleError(
            f"{what} gives other vectors for the same batch in eval mode; use nn.Dropout, or give torch's functions "
            "training=self.training"
        )


def check_padding(run: Run, what: str, items: Tensor, lengths: Tensor, *, every_place: bool) -> None:
    """Check that the vector or the states of a history do not depend on the padding after it.

    Raises:
        ModuleError: they do.
    """
    together = run(items, lengths)
    for row, length in enumerate(lengths.tolist()):
        alone = run(items[row : row + 1, :length], lengths[row : row + 1])[0]
        if _differ(alone, together[row, :length] if every_place else together[row]):
            raise ModuleError(
                f"{what} gives a history other numbers when padding follows it; take lengths into account: read the "
                "state at lengths - 1, and leave places where items == 0 out of sums, means and softmaxes"
            )


def check_causal(run: Run, what: str, items: Tensor, lengths: Tensor) -> None:
    """Check that the states at the first places do not depend on the items that follow.

    Raises:
        ModuleError: they do.
    """
    row = int(lengths.argmax())
    whole, n = items[row : row + 1], lengths[row : row + 1]
    for first in {1, int(n) // 2, int(n) - 1} - {0}:
        if _differ(run(whole[:, :first], torch.full_like(n, first)), run(whole, n)[:, :first]):
            raise ModuleError(
                f"{what} is not causal: its first {first} states change with the items that follow; mask the future, "
                "or derive from BatchedBackbone and write forward"
            )


def check_gradients(totals: Iterable[Tensor], what: str, module: nn.Module) -> None:
    """Check that every parameter is used in at least one pass, and that all gradients are finite.

    Args:
        totals: one scalar per pass, consumed only until every parameter has been used.
        what: the passes in words.
        module: the module that made them.

    Raises:
        ModuleError: a parameter is used in no pass, or a gradient is not finite.
    """
    named = dict(module.named_parameters())
    unused = set(named)
    for total in totals:
        found = torch.autograd.grad(total, list(named.values()), allow_unused=True)
        gradients = {name: each for name, each in zip(named, found, strict=True) if each is not None}
        for name, gradient in gradients.items():
            if not torch.isfinite(gradient).all():
                raise ModuleError(
                    f"{what} has a gradient to {name} that is not finite; look for a softmax over padding alone, or a "
                    "root or norm of 0"
                )
        unused -= gradients.keys()
        if not unused:
            return
    name = next(each for each in named if each in unused)
    raise ModuleError(f"{what} does not use {type(module).__name__}.{name}; remove it, or use it")


def check_made(one: Mapping[str, Tensor], other: Mapping[str, Tensor], what: str) -> None:
    """Check that two modules made from the same seed have the same weights and buffers.

    Raises:
        ModuleError: they do not.
    """
    for name in one.keys() | other.keys():
        if name not in one or name not in other or not _same(one[name], other[name]):
            raise ModuleError(
                f"{what} makes another {name} each time, from the same seed; draw it by torch's functions, without "
                "numpy's or Python's random numbers, and fill what torch.empty makes"
            )


def check_seeded(one: Mapping[str, Tensor], other: Mapping[str, Tensor], what: str) -> None:
    """Check that two passes with the same seed, weights and buffers return the same vectors and leave equal buffers.

    Args:
        one: results of the first pass: vectors under the name ``""``, each buffer under its own name.
        other: results of the second pass.
        what: the pass in words.

    Raises:
        ModuleError: they do not.
    """
    for name in one.keys() | other.keys():
        if name not in one or name not in other or not _same(one[name], other[name]):
            found = f"leaves another {name}" if name else "gives other vectors"
            raise ModuleError(
                f"{what} {found} for the same batch and seed; draw by torch's functions, without numpy's or Python's "
                "random numbers, and keep what it counts in a buffer of the state_dict"
            )


def move(module: nn.Module, direction: float) -> None:
    """Add about 0.1 to vectors and ``0.3 / sqrt(width)`` to matrices, with random signs times ``direction``.

    Matrices keep a norm of about 1, so that rounding errors do not grow from place to place in a recurrent layer.
    """
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for each in module.parameters():
            size = 0.1 if each.dim() < 2 else 0.3 / math.sqrt(max(each[0].numel(), 1))
            amount = size * (0.5 + torch.rand(each.shape, generator=generator))
            each.add_(direction * amount * torch.randn(each.shape, generator=generator).sign())


def _same(one: Tensor, other: Tensor) -> bool:
    return one.shape == other.shape and bool(((one == other) | ((one != one) & (other != other))).all())


def _differ(one: Tensor, other: Tensor) -> bool:
    return bool((one - other).abs().max() > TOLERANCE * other.abs().max())
