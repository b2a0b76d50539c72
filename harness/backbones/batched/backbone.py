"""Backbones made from an author's ``nn.Module``: one pass per history, or one pass for all histories of a window."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from harness.backbones.base import Backbone
from harness.backbones.batched.recipe import BatchedRecipe, CausalRecipe
from harness.backbones.packed.backbone import PackedBackbone
from harness.backbones.values import Precision, Progress, Tunable
from harness.data.interactions import Interactions
from harness.data.split import Prefixes

if TYPE_CHECKING:
    from harness.backbones.batched.encoder import BatchedEncoder, CausalEncoder
    from harness.backbones.training_state import TrainingState


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchedBackbone(BatchedRecipe, Backbone):
    """A backbone whose module encodes a batch of histories: ``forward(items, lengths) -> (batch, d)``.

    ``items`` is ``(batch, longest)`` int64: oldest item first, padded with 0 on the right, as RecBole's ``item_seq``;
    ``lengths`` is ``(batch,)`` int64, at least 1. The result is float32, as wide as the item embedding. The module
    never gets the items after a history, so it may read a history in any direction.

    A subclass defines ``name``, its own hyperparameters and :meth:`module`::

        @dataclass(frozen=True, slots=True, kw_only=True)
        class Mine(BatchedBackbone):
            name: ClassVar[str] = "mine"

            def module(self, n_items: int) -> nn.Module:
                return MyModule(n_items, width=self.hidden_size, dropout=self.dropout)
    """

    tunable: ClassVar[Mapping[str, Tunable]] = {
        **{name: each for name, each in PackedBackbone.tunable.items() if name not in ("stride", "batch_tokens")},
        "batch_size": Tunable(meaning="targets in a training step", low=1, high=65536, search=(128, 4096), log=True),
    }

    def build(self, n_items: int) -> BatchedEncoder:
        from harness.backbones.batched.encoder import BatchedEncoder

        return BatchedEncoder(n_items, self)

    def fit(
        self,
        data: Interactions,
        prefixes: Prefixes,
        *,
        seed: int,
        precision: Precision,
        unfinished: Path,
        progress: Progress | None,
    ) -> TrainingState:
        from harness.backbones.batched.training import pretrain

        model = self.build(data.n_items)
        return pretrain(model, data, prefixes, seed=seed, precision=precision, unfinished=unfinished, progress=progress)


@dataclass(frozen=True, slots=True, kw_only=True)
class CausalBackbone(CausalRecipe, PackedBackbone):
    """A backbone whose module returns a state at every place: ``states(items, lengths) -> (batch, longest, d)``.

    ``items`` and ``lengths`` are as in :class:`BatchedBackbone`. The state at a place may depend only on the items up
    to that place; states of padding are ignored. One pass over n items then serves n targets instead of one. A module
    that looks ahead is refused before training, also if it would do so only after its weights have changed.
    """

    def build(self, n_items: int) -> CausalEncoder:
        from harness.backbones.batched.encoder import CausalEncoder

        return CausalEncoder(n_items, self)
