"""An encoder that reads packed windows: one causal pass over a window serves every prefix in it."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor

from harness.backbones.dropout import MaskPool
from harness.backbones.encoder import Batch, Encoder
from harness.backbones.packed.recipe import PackedRecipe
from harness.backbones.packed.windows import (
    Packed,
    closing_windows,
    cut_evenly,
    opening_windows,
    pack,
    training_windows,
)
from harness.backbones.values import Precision, resolve_precision
from harness.data.interactions import Interactions
from harness.data.split import Indices, Prefixes

CHUNK_TOKENS = 4096
"""Items encoded at a time; the widest activation of a transformer then takes 4 MB."""


class PackedEncoder(Encoder):
    """A causal encoder over packed windows; a subclass implements :meth:`forward`.

    Dropout is active exactly when a pass is given masks; there is no training mode.

    Attributes:
        spec: the encoder's hyperparameters.
    """

    spec: PackedRecipe

    @abstractmethod
    def forward(self, packed: Packed, masks: MaskPool | None) -> Tensor:
        """States at the scored places, ``(n_scored, d)``; each depends on its window's items up to its place.

        Args:
            packed: the windows.
            masks: masks for dropout; None: no dropout.
        """

    def last_places(self, packed: Packed, masks: MaskPool | None) -> Tensor:
        """States of windows that score only their last place, ``(n_windows, d)``; a subclass may compute them faster.

        Args:
            packed: windows with one scored place each, the last.
            masks: masks for dropout; None: no dropout.
        """
        return self(packed, masks)

    def precision_on(self, device: str) -> Precision:
        return resolve_precision(self.spec.precision, device=device)

    def encode(self, data: Interactions, prefixes: Prefixes) -> Tensor:
        """Every prefix's representation without dropout, ``(n_prefixes, d)`` float32, by the number of the prefix.

        Prefixes of up to ``max_length`` items come from one causal pass over the user's first items. A longer prefix is
        encoded on its own, from its last ``max_length`` items, because their positions start at 0 again.
        """
        states = torch.empty(prefixes.n_prefixes, self.item_matrix.shape[1])
        longest = self.spec.max_length
        with torch.no_grad():
            for part in opening_windows(data, max_length=longest).by_length(CHUNK_TOKENS):
                packed = pack(part, data.items)
                states[torch.as_tensor(packed.prefix)] = self(packed, None)
        beyond = np.flatnonzero(prefixes.position > longest)
        states[torch.as_tensor(beyond)] = self.encode_some(data, prefixes, beyond)
        return states

    def encode_some(self, data: Interactions, prefixes: Prefixes, numbers: Indices) -> Tensor:
        """Representations of given prefixes without dropout, each encoded on its own, ``(n, d)`` float32.

        Args:
            data: the sequences.
            prefixes: the prefixes of ``data``.
            numbers: numbers of the prefixes to encode, in any order, ``(n,)``.
        """
        states = torch.empty(len(numbers), self.item_matrix.shape[1])
        place = np.empty(prefixes.n_prefixes, dtype=np.int64)
        place[numbers] = np.arange(len(numbers))
        windows = closing_windows(data, prefixes, numbers, max_length=self.spec.max_length)
        with torch.no_grad():
            for part in windows.by_length(CHUNK_TOKENS):
                packed = pack(part, data.items)
                states[torch.as_tensor(place[packed.prefix])] = self.last_places(packed, None)
        return states

    def encode_noisy(self, data: Interactions, prefixes: Prefixes, generator: torch.Generator) -> Tensor:
        """Training prefixes' representations under new dropout, ``(n_train, d)`` float32, in ``Prefixes.train`` order.

        One packed pass over the windows that pretraining uses. It differs from one pass per prefix in two ways: the
        prefixes of a window share dropout masks, and a prefix of more than ``max_length`` items may have a context of
        only ``max_length - stride`` items.
        """
        states = torch.empty(len(prefixes.train), self.item_matrix.shape[1])
        masks = self.masks(generator)
        windows = training_windows(data, prefixes, max_length=self.spec.max_length, stride=self.spec.stride)
        with torch.no_grad():
            for part in windows.by_length(CHUNK_TOKENS):
                packed = pack(part, data.items)
                if masks is not None:
                    masks.begin_pass()
                states[torch.as_tensor(np.searchsorted(prefixes.train, packed.prefix))] = self(packed, masks)
        return states

    def batches(
        self,
        data: Interactions,
        prefixes: Prefixes,
        *,
        batch_size: int,
        order: torch.Generator,
        noise: torch.Generator | None,
    ) -> Iterator[Batch]:
        """Yield all training windows in random order.

        A batch holds whole windows with about ``batch_size`` prefixes in total, so that one pass over a user's sequence
        serves all its prefixes. Departs from FTragrec, which encodes every prefix on its own.
        """
        windows = training_windows(data, prefixes, max_length=self.spec.max_length, stride=self.spec.stride)
        shuffled = torch.randperm(len(windows), generator=order).numpy()
        masks = None if noise is None else self.masks(noise)
        for chosen in cut_evenly(shuffled, windows.length - windows.score_from, batch_size):
            packed = pack(windows.take(chosen), data.items)
            if masks is not None:
                masks.begin_pass()
            yield self(packed, masks), packed.prefix

    def masks(self, generator: torch.Generator) -> MaskPool | None:
        """Return dropout masks from a generator; None if the dropout rate is 0."""
        return MaskPool(self.spec.dropout, generator) if self.spec.dropout else None
