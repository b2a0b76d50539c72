"""What all runs on one replicate's backbone share."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from torch import Tensor

from harness.backbones.duorec.encode import encode_prefixes
from harness.backbones.duorec.model import DuoRec
from harness.backbones.duorec.spec import Precision, resolve_precision
from harness.data.interactions import Interactions
from harness.data.split import Prefixes
from harness.engine.types.array_cache import ArrayCache


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Inputs:
    """Data, backbone and its clean encodings; a run that moves the backbone does so in a copy of its own.

    Attributes:
        data: the interactions.
        prefixes: their prefixes, split leave-one-out.
        backbone: the pretrained model.
        encodings: clean ``s`` of every prefix, ``(n_prefixes, d)`` float32.
        cache: what runs on these inputs need not compute again; empty in every changed copy.
    """

    data: Interactions
    prefixes: Prefixes
    backbone: DuoRec
    encodings: Tensor
    cache: ArrayCache = field(init=False, default_factory=ArrayCache)

    @property
    def item_matrix(self) -> Tensor:
        """Item embeddings, row 0 the padding, ``(n_items + 1, d)``."""
        return self.backbone.item_matrix

    @property
    def precision(self) -> Precision:
        """Of the products in a catalogue softmax that trains something."""
        return resolve_precision(self.backbone.spec.precision, device=self.encodings.device.type)

    def reencoded(self) -> Inputs:
        """The same with encodings by the backbone as it is now."""
        return replace(self, encodings=encode_prefixes(self.backbone, self.data, self.prefixes))
