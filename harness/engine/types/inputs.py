"""The inputs of a run: data, backbone and encodings."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import torch
from numpy.typing import NDArray
from torch import Tensor

from harness.backbones.encoder import Encoder
from harness.backbones.values import Precision
from harness.data.interactions import Interactions
from harness.data.split import Prefixes
from harness.engine.types.array_cache import ArrayCache


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Inputs:
    """Data, a backbone and its clean encodings, all on one device; never changed in place.

    A run holds two of them: ``Run.inputs``, as loaded and shared by all runs on the backbone, and ``System.current``,
    whose backbone is the run's own copy if it moves.

    Attributes:
        data: the interactions.
        prefixes: their prefixes, split by the protocol of the study.
        backbone: the encoder.
        encodings: clean ``s`` of every prefix, ``(n_prefixes, d)`` float32.
        cache: arrays that all runs on these inputs share; empty in every changed copy.
    """

    data: Interactions
    prefixes: Prefixes
    backbone: Encoder
    encodings: Tensor
    cache: ArrayCache = field(init=False, default_factory=ArrayCache)

    @property
    def item_matrix(self) -> Tensor:
        """Item embeddings, row 0 the padding, ``(n_items + 1, d)``."""
        return self.backbone.item_matrix

    @property
    def precision(self) -> Precision:
        """Precision of the products in a catalogue softmax that trains something."""
        return self.backbone.precision_on(self.device.type)

    @property
    def device(self) -> torch.device:
        """The device of the backbone and the encodings, on which a run computes."""
        return self.encodings.device

    def tensor(self, array: NDArray[Any]) -> Tensor:
        """A NumPy array as a tensor on :attr:`device`; on the CPU both share their storage."""
        return torch.as_tensor(array, device=self.device)

    def reencoded(self) -> Inputs:
        """These inputs with new encodings by the current backbone."""
        return replace(self, encodings=self.backbone.encode(self.data, self.prefixes))
