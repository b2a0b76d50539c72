"""Backbones that a stranger's ``nn.Module`` becomes: one pass a history, or one pass for all histories of a window."""

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

    ``items`` is ``(batch, longest)`` int64, each history from the left, oldest item first, 0 after its last item, as
    RecBole lays out ``item_seq``; ``lengths`` is ``(batch,)`` int64, at least 1. The result is float32, of the width of
    the item embedding. A module never sees what comes after a history, so it may read it in any direction.

    A subclass gives ``name``, hyperparameters of its own and :meth:`module`::

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
    """The same of a module that gives a state at every place: ``states(items, lengths) -> (batch, longest, d)``.

    The state at a place may depend on the items up to it alone; states of the padding after a history are not used. One
    pass over a history of n items then serves n targets, where :class:`BatchedBackbone` needs n passes. A module
    that looks ahead is refused before it is trained, also one that would only begin to once its weights have moved.
    """

    def build(self, n_items: int) -> CausalEncoder:
        from harness.backbones.batched.encoder import CausalEncoder

        return CausalEncoder(n_items, self)
