"""The live part of a backbone: the interface that fine-tuning uses."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator

import torch
from torch import Tensor, nn

from harness.backbones.values import ParameterGroups, Precision
from harness.data.interactions import Interactions
from harness.data.split import Indices, Prefixes

Batch = tuple[Tensor, Indices]
"""``s`` of the prefixes in a batch, ``(batch, d)``, and the numbers of these prefixes, ``(batch,)``."""


class Encoder(nn.Module, ABC):
    """A sequence encoder: one vector ``s`` per prefix; the score of an item is the dot product of ``s`` and its vector.

    It is causal: no vector depends on the prefix's target or on a later item. Dropout is active exactly when a method
    is given a generator for it; :meth:`~torch.nn.Module.train` and ``eval`` have no effect.

    Attributes:
        n_items: size of the catalogue, without padding.
    """

    n_items: int

    @property
    @abstractmethod
    def item_matrix(self) -> Tensor:
        """Item vectors, ``(n_items + 1, d)``; row 0 is padding and zero. Item ``i`` scores ``s . item_matrix[i]``."""

    @property
    @abstractmethod
    def parameter_groups(self) -> ParameterGroups:
        """Names of sub-modules that together hold every parameter once, from the embeddings to the last block."""

    @abstractmethod
    def precision_on(self, device: str) -> Precision:
        """Return the precision of the products in a catalogue softmax during training, on ``cpu`` or ``cuda``."""

    @abstractmethod
    def initialise(self, generator: torch.Generator) -> None:
        """Draw all weights anew and set the padding row of :attr:`item_matrix` to zero."""

    @abstractmethod
    def encode(self, data: Interactions, prefixes: Prefixes) -> Tensor:
        """Return ``s`` of every prefix by its number, no dropout, no gradient, ``(n_prefixes, d)`` float32."""

    def encode_some(self, data: Interactions, prefixes: Prefixes, numbers: Indices) -> Tensor:
        """Return :meth:`encode` of the given prefixes, ``(n, d)`` float32; override it to encode these alone."""
        return self.encode(data, prefixes)[numbers]

    @abstractmethod
    def encode_noisy(self, data: Interactions, prefixes: Prefixes, generator: torch.Generator) -> Tensor:
        """Return ``s`` of every training prefix with new dropout, no gradient, ``(n_train, d)`` float32."""

    @abstractmethod
    def batches(
        self,
        data: Interactions,
        prefixes: Prefixes,
        *,
        batch_size: int,
        order: torch.Generator,
        noise: torch.Generator | None,
    ) -> Iterator[Batch]:
        """Yield every training prefix once, in batches whose ``s`` has a gradient to this encoder.

        Args:
            data: the sequences.
            prefixes: the prefixes of ``data``.
            batch_size: approximate number of prefixes in a batch.
            order: generator for the order.
            noise: generator for dropout; None: no dropout.
        """

    def parameters_of(self, group: str) -> list[nn.Parameter]:
        """Return the parameters of one of :attr:`parameter_groups`."""
        return list(self.get_submodule(group).parameters())
