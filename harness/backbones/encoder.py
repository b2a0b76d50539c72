"""The live part of a backbone, which is all that fine-tuning knows of it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator

import torch
from torch import Tensor, nn

from harness.backbones.values import ParameterGroups, Precision
from harness.data.interactions import Interactions
from harness.data.split import Indices, Prefixes

Batch = tuple[Tensor, Indices]
"""``s`` of a batch's prefixes, ``(batch, d)``, and their numbers, ``(batch,)``."""


class Encoder(nn.Module, ABC):
    """A sequence encoder: a vector ``s`` for every prefix, whose product with an item's vector is the item's score.

    It is causal: no vector depends on an item at or after the prefix's target. Dropout is active exactly where a
    generator is given for it; :meth:`~torch.nn.Module.train` and ``eval`` change nothing.

    Attributes:
        n_items: size of the catalogue, the padding not counted.
    """

    n_items: int

    @property
    @abstractmethod
    def item_matrix(self) -> Tensor:
        """``(n_items + 1, d)``; row 0 is padding and zero. The score of item ``i`` is ``s . item_matrix[i]``."""

    @property
    @abstractmethod
    def parameter_groups(self) -> ParameterGroups:
        """Names of sub-modules that hold every parameter once, from the embeddings to the last block."""

    @abstractmethod
    def precision_on(self, device: str) -> Precision:
        """Precision of the products in a catalogue softmax that trains something, on ``cpu`` or ``cuda``."""

    @abstractmethod
    def initialise(self, generator: torch.Generator) -> None:
        """Draw all weights afresh; the padding's row of :attr:`item_matrix` becomes zero."""

    @abstractmethod
    def encode(self, data: Interactions, prefixes: Prefixes) -> Tensor:
        """``s`` of every prefix without dropout and gradient, ``(n_prefixes, d)`` float32, as ``prefixes`` numbers."""

    def encode_some(self, data: Interactions, prefixes: Prefixes, numbers: Indices) -> Tensor:
        """The same of given prefixes, in their order, ``(n, d)`` float32; a subclass need not encode all for them."""
        return self.encode(data, prefixes)[numbers]

    @abstractmethod
    def encode_noisy(self, data: Interactions, prefixes: Prefixes, generator: torch.Generator) -> Tensor:
        """``s`` of every training prefix under fresh dropout, ``(n_train, d)`` float32, without gradient."""

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
        """Every training prefix once, with the gradient of this encoder.

        Args:
            data: the sequences.
            prefixes: of ``data``.
            batch_size: prefixes in a batch, about.
            order: draws the order.
            noise: draws dropout; None: none.
        """

    def parameters_of(self, group: str) -> list[nn.Parameter]:
        """The parameters of one of :attr:`parameter_groups`."""
        return list(self.get_submodule(group).parameters())
