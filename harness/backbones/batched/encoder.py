"""Encoders around an author's module: every history on its own, or all histories of a window in one pass."""

from __future__ import annotations

import copy
import sys
from abc import abstractmethod
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext, suppress
from typing import Self, cast

import numpy as np
import torch
from torch import Tensor, nn

from harness.backbones.batched.drawing import drawing_from, recurrent
from harness.backbones.batched.parts import ModuleError, blamed, check_blocks, check_parts, find_items, grouped
from harness.backbones.batched.recipe import BatchedRecipe, CausalRecipe
from harness.backbones.batched.trial import (
    NotFiniteError,
    check_causal,
    check_finite,
    check_gradients,
    check_made,
    check_output,
    check_padding,
    check_repeats,
    check_seeded,
    move,
    trial_histories,
)
from harness.backbones.dropout import MaskPool, seed_from
from harness.backbones.encoder import Batch, Encoder
from harness.backbones.packed.encoder import PackedEncoder
from harness.backbones.packed.windows import Packed
from harness.backbones.values import ParameterGroups, Precision, resolve_precision
from harness.data.interactions import Interactions
from harness.data.split import Indices, Prefixes

CHUNK_PLACES = 16384
"""Maximum number of places in a batch encoded without gradient; a batch has at least one history."""

TRIAL_SEEDS = 8
"""Number of passes with dropout after which a parameter that never had a gradient counts as unused."""

POOLED = 16
"""Number of batches whose histories are sorted by length together: little padding, and the order stays random."""


class ModuleEncoder(Encoder):
    """Base class of encoders around an author's module; a subclass lays out the histories for it.

    Attributes:
        spec: the backbone that makes the module.
        module: the author's module.
    """

    def __init__(self, n_items: int, spec: BatchedRecipe | CausalRecipe) -> None:
        super().__init__()
        self.n_items = n_items
        self.spec = spec
        self.module = self._made(seed=0)
        check_parts(self.module)
        find_items(self.module, spec, n_items)
        check_blocks(grouped(self.module, spec)[0], self.module, spec)

    @property
    def item_matrix(self) -> Tensor:
        return find_items(self.module, self.spec, self.n_items)

    @property
    def parameter_groups(self) -> ParameterGroups:
        """The module's groups, prefixed ``module.``; see :class:`~harness.backbones.batched.recipe.OfModule`."""
        return grouped(self.module, self.spec)[0]

    def parameters_of(self, group: str) -> list[nn.Parameter]:
        return grouped(self.module, self.spec)[1][group]

    def precision_on(self, device: str) -> Precision:
        return resolve_precision(self.spec.precision, device=device)

    def initialise(self, generator: torch.Generator) -> None:
        """Take the weights of a new module seeded by the generator, zero the padding row, and test the module.

        Raises:
            ModuleError: the test finds a mistake in the module.
        """
        seed = seed_from(generator)
        drawn = self._made(seed).state_dict()
        check_made(drawn, self._made(seed).state_dict(), f"{type(self.spec).__name__}.module({self.n_items})")
        self.module.load_state_dict(drawn)
        self._zero_padding()
        self._try_out(*trial_histories(self.n_items, self.spec.max_length))

    @property
    @abstractmethod
    def _what(self) -> str:
        """Name of the module's method that returns vectors, for messages."""

    @abstractmethod
    def _vectors(self, items: Tensor, lengths: Tensor) -> Tensor:
        """Return the method's output, checked to be finite: vectors of the histories, or of every place in them."""

    @abstractmethod
    def _check_histories(self, items: Tensor, lengths: Tensor) -> None:
        """Refuse vectors that depend on anything outside their history."""

    def _try_out(self, items: Tensor, lengths: Tensor) -> None:
        """Refuse a module that fails the checks on these histories; copies are used, so the module does not change."""
        twin = self._twin()
        check_gradients([twin._total(items, lengths, None)], self._what, twin.module)
        twin = self._twin()
        with torch.no_grad(), twin._mode(None):
            check_repeats(twin._vectors, self._what, items, lengths)
            twin._check_histories(items, lengths)
        self._try_noise(items, lengths)
        for direction in (1.0, -1.0):  # with weights that start at zero, a dependence is not visible
            twin = self._twin()
            with torch.no_grad(), twin._mode(None), suppress(NotFiniteError):  # training may never reach such weights
                move(twin.module, direction)
                twin._zero_padding()
                twin._check_histories(items, lengths)

    def _try_noise(self, items: Tensor, lengths: Tensor) -> None:
        """Refuse a module that fails in train mode: an unused parameter, or a pass that its seed does not determine."""
        what, twin = f"{self._what} in train mode", self._twin()
        totals = (twin._total(items, lengths, seed) for seed in range(TRIAL_SEEDS))
        check_gradients(totals, what, twin.module)
        twin = self._twin()

        def seeded() -> dict[str, Tensor]:
            twin.module.load_state_dict(self.module.state_dict())
            with torch.no_grad(), twin._mode(0):
                vectors = twin._vectors(items, lengths)
            return {"": vectors.clone(), **{name: each.clone() for name, each in twin.module.named_buffers()}}

        check_seeded(seeded(), seeded(), what)

    def _total(self, items: Tensor, lengths: Tensor, seed: int | None) -> Tensor:
        """Return a scalar that has a gradient to every parameter used in a pass."""
        with self._mode(seed):
            return self._vectors(items, lengths).square().sum() + self.item_matrix.square().sum()

    def _twin(self) -> Self:
        with blamed(f"a deep copy of {type(self.module).__name__}", _file_of(self.module)):
            return copy.deepcopy(self)

    def _zero_padding(self) -> None:
        items = self.item_matrix
        if items.is_leaf:
            with torch.no_grad():
                items[0] = 0.0

    @contextmanager
    def _mode(self, seed: int | None) -> Iterator[None]:
        """Put the module in train mode, with dropout determined by the seed; if it is None, in eval mode."""
        device = self.item_matrix.device
        self.module.train(seed is not None)
        with (
            nullcontext() if seed is None else drawing_from(seed, device),
            recurrent(self.module, device, noisy=seed is not None),
        ):
            yield

    def _made(self, seed: int) -> nn.Module:
        what = f"{type(self.spec).__name__}.module({self.n_items})"
        with drawing_from(seed, torch.empty(0).device), blamed(what, _file_of(self.spec)):
            return self.spec.module(self.n_items)


class BatchedEncoder(ModuleEncoder):
    """Every history on its own: ``forward(items, lengths) -> (batch, d)``."""

    spec: BatchedRecipe

    def forward(
        self, data: Interactions, prefixes: Prefixes, numbers: Indices, noise: torch.Generator | None
    ) -> Tensor:
        """Vectors of given prefixes, ``(n, d)`` float32.

        Args:
            data: the sequences.
            prefixes: the prefixes of ``data``.
            numbers: numbers of the prefixes to encode, ``(n,)``.
            noise: generator for dropout; None: no dropout.
        """
        position = prefixes.position[numbers]
        lengths = np.minimum(position, self.spec.max_length)
        start = data.offsets[prefixes.user[numbers]] + position - lengths
        place = np.arange(int(lengths.max()))
        inside = place < lengths[:, None]
        items = np.where(inside, data.items[np.where(inside, start[:, None] + place, 0)], 0).astype(np.int64)
        with self._mode(None if noise is None else seed_from(noise)):
            return self._vectors(torch.as_tensor(items), torch.as_tensor(lengths))

    def encode(self, data: Interactions, prefixes: Prefixes) -> Tensor:
        return self.encode_some(data, prefixes, np.arange(prefixes.n_prefixes))

    def encode_some(self, data: Interactions, prefixes: Prefixes, numbers: Indices) -> Tensor:
        """Vectors of given prefixes in their order, without dropout or gradient, ``(n, d)`` float32."""
        return self._encoded(data, prefixes, numbers, None)

    def encode_noisy(self, data: Interactions, prefixes: Prefixes, generator: torch.Generator) -> Tensor:
        return self._encoded(data, prefixes, prefixes.train, generator)

    def batches(
        self,
        data: Interactions,
        prefixes: Prefixes,
        *,
        batch_size: int,
        order: torch.Generator,
        noise: torch.Generator | None,
    ) -> Iterator[Batch]:
        """Yield all training prefixes in random order, in batches of prefixes of similar length."""
        shuffled = prefixes.train[torch.randperm(len(prefixes.train), generator=order).numpy()]
        batches: list[Indices] = []
        for first in range(0, len(shuffled), POOLED * batch_size):
            pool = shuffled[first : first + POOLED * batch_size]
            by_length = pool[np.argsort(self._lengths(prefixes, pool), kind="stable")]
            batches += np.split(by_length, range(batch_size, len(by_length), batch_size))
        for number in torch.randperm(len(batches), generator=order).tolist():
            yield self(data, prefixes, batches[number], noise), batches[number]

    @torch.no_grad()
    def _encoded(
        self, data: Interactions, prefixes: Prefixes, numbers: Indices, noise: torch.Generator | None
    ) -> Tensor:
        """Vectors without gradient, computed longest prefix first in batches of at most :data:`CHUNK_PLACES` places."""
        vectors = torch.empty(len(numbers), self.item_matrix.shape[1])
        lengths = self._lengths(prefixes, numbers)
        order = np.argsort(-lengths, kind="stable")
        first = 0
        while first < len(order):
            here = order[first : first + max(1, CHUNK_PLACES // int(lengths[order[first]]))]
            vectors[torch.as_tensor(here)] = self(data, prefixes, numbers[here], noise)
            first += len(here)
        return vectors

    def _lengths(self, prefixes: Prefixes, numbers: Indices) -> Indices:
        return np.minimum(prefixes.position[numbers], self.spec.max_length)

    @property
    def _what(self) -> str:
        return f"{type(self.module).__name__}.forward"

    def _vectors(self, items: Tensor, lengths: Tensor) -> Tensor:
        expected = (len(items), self.item_matrix.shape[1])
        with blamed(f"{self._what} on items {tuple(items.shape)}", _file_of(self.module)):
            vectors = self.module(items, lengths)
        return check_finite(check_output(vectors, self._what, expected, "(batch, d)"), self._what, self.module)

    def _check_histories(self, items: Tensor, lengths: Tensor) -> None:
        check_padding(self._vectors, self._what, items, lengths, every_place=False)


class CausalEncoder(ModuleEncoder, PackedEncoder):
    """All histories of a window in one pass: ``states(items, lengths) -> (batch, longest, d)``."""

    spec: CausalRecipe  # pyright: ignore[reportIncompatibleVariableOverride] - set once, when it is built

    def forward(self, packed: Packed, masks: MaskPool | None) -> Tensor:
        counts = [bucket.n_windows for bucket in packed.buckets]
        with self._mode(None if masks is None else masks.seed()):
            states = [
                self._states(packed.items[bucket.start : bucket.stop].view(-1, bucket.length), lengths).flatten(0, 1)
                for bucket, lengths in zip(packed.buckets, packed.lengths.split(counts), strict=True)
            ]
        scored = torch.cat(states).index_select(0, packed.rows)
        return check_finite(scored, self._what, self.module)

    def masks(self, generator: torch.Generator) -> MaskPool:
        """A pool used only for its seeds: the module draws its own masks, at its own rates."""
        return MaskPool(0.0, generator, size=1)

    @property
    def _what(self) -> str:
        return f"{type(self.module).__name__}.states"

    def _states(self, items: Tensor, lengths: Tensor) -> Tensor:
        expected = (*items.shape, self.item_matrix.shape[1])
        with blamed(f"{self._what} on items {tuple(items.shape)}", _file_of(self.module)):
            states = cast("Callable[..., object]", self.module.states)(items, lengths)
        return check_output(states, self._what, expected, "(batch, longest, d)")

    def _vectors(self, items: Tensor, lengths: Tensor) -> Tensor:
        """States of real items only, one after the other: the states of padding may be anything."""
        real = torch.arange(items.shape[1]) < lengths.unsqueeze(1)
        return check_finite(self._states(items, lengths)[real], self._what, self.module)

    def _try_out(self, items: Tensor, lengths: Tensor) -> None:
        if not callable(getattr(self.module, "states", None)):
            raise ModuleError(
                f"{type(self.module).__name__} has no method states(items, lengths); write it, or derive from "
                "BatchedBackbone and write forward"
            )
        super()._try_out(items, lengths)

    def _check_histories(self, items: Tensor, lengths: Tensor) -> None:
        self._vectors(items, lengths)
        check_causal(self._states, self._what, items, lengths)
        check_padding(self._states, self._what, items, lengths, every_place=True)


def _file_of(thing: object) -> str | None:
    return getattr(sys.modules.get(type(thing).__module__), "__file__", None)
