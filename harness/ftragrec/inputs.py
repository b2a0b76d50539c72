"""What all runs on one replicate's backbone share."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from harness.backbone.model import DuoRec
from harness.data.interactions import Interactions
from harness.data.split import Prefixes


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Inputs:
    """Data, backbone and its clean encodings; nothing in it is changed by a run.

    Attributes:
        data: the interactions.
        prefixes: their prefixes, split leave-one-out.
        backbone: the pretrained model, frozen.
        encodings: clean ``s`` of every prefix, ``(n_prefixes, d)`` float32.
    """

    data: Interactions
    prefixes: Prefixes
    backbone: DuoRec
    encodings: Tensor

    @property
    def item_matrix(self) -> Tensor:
        """Item embeddings, row 0 the padding, ``(n_items + 1, d)``."""
        return self.backbone.item_matrix.detach()
