"""A backbone that is trained on packed windows."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Self

from harness.backbones.base import Backbone
from harness.backbones.packed.recipe import PackedRecipe
from harness.backbones.values import Precision, Progress
from harness.data.interactions import Interactions
from harness.data.split import Prefixes

if TYPE_CHECKING:
    from harness.backbones.packed.encoder import PackedEncoder
    from harness.backbones.packed.training import ExtraTerm
    from harness.backbones.packed.windows import Windows
    from harness.backbones.training_state import TrainingState


@dataclass(frozen=True, slots=True, kw_only=True)
class PackedBackbone(PackedRecipe, Backbone):
    """A backbone whose encoder reads packed windows; a subclass gives its fields and builds the encoder."""

    later: ClassVar[Mapping[str, Any]] = {"n_sampled": 0}

    @abstractmethod
    def build(self, n_items: int) -> PackedEncoder: ...

    def extra_term(self, windows: Windows, data: Interactions) -> ExtraTerm | None:
        """A term that joins the cross-entropy; None: there is none.

        Args:
            windows: that it is trained on.
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
