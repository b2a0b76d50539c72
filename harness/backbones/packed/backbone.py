"""A backbone trained on packed windows."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Self

from harness.backbones.base import Backbone
from harness.backbones.packed.recipe import PackedRecipe
from harness.backbones.values import Precision, Progress, Tunable
from harness.data.interactions import Interactions
from harness.data.split import Prefixes

if TYPE_CHECKING:
    from harness.backbones.packed.encoder import PackedEncoder
    from harness.backbones.packed.training import ExtraTerm
    from harness.backbones.packed.windows import Windows
    from harness.backbones.training_state import TrainingState


@dataclass(frozen=True, slots=True, kw_only=True)
class PackedBackbone(PackedRecipe, Backbone):
    """A backbone whose encoder reads packed windows; a subclass defines its fields and builds the encoder."""

    later: ClassVar[Mapping[str, Any]] = {"n_sampled": 0}
    tunable: ClassVar[Mapping[str, Tunable]] = {
        "hidden_size": Tunable(meaning="width of items and of a history's vector", choices=(16, 32, 64, 96, 128, 256)),
        "dropout": Tunable(meaning="dropout rate", high=0.9, search=(0.1, 0.6)),
        "max_length": Tunable(meaning="longest history, in items", low=2, high=1000),
        "stride": Tunable(meaning="step between windows of a longer history, in items", low=1, high=1000),
        "batch_tokens": Tunable(meaning="items in a training step", low=16, high=65536, search=(256, 4096), log=True),
        "learning_rate": Tunable(meaning="Adam's step size", low=1e-6, high=0.1, search=(3e-4, 3e-3), log=True),
        "final_learning_rate": Tunable(meaning="the same after decay_visits", low=1e-7, high=0.1),
        "decay_visits": Tunable(meaning="targets per item after which the step size falls", low=1, high=100000),
        "visits": Tunable(meaning="targets per item after which training ends", low=1, high=100000),
    }

    @abstractmethod
    def build(self, n_items: int) -> PackedEncoder: ...

    def extra_term(self, windows: Windows, data: Interactions) -> ExtraTerm | None:
        """Return a loss term to add to the cross-entropy, or None.

        Args:
            windows: the training windows.
            data: the sequences.
        """
        return None

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
        from harness.backbones.packed.training import pretrain

        model = self.build(data.n_items)
        return pretrain(
            model,
            data,
            prefixes,
            self.extra_term,
            seed=seed,
            precision=precision,
            unfinished=unfinished,
            progress=progress,
        )

    def with_sampled(self, n_sampled: int) -> Self:
        return replace(self, n_sampled=n_sampled)
