"""DuoRec as a study names it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from harness.backbones.transformer.backbone import TransformerBackbone
from harness.backbones.values import Tunable
from harness.data.interactions import Interactions

if TYPE_CHECKING:
    from harness.backbones.packed.training import ExtraTerm
    from harness.backbones.packed.windows import Windows


@dataclass(frozen=True, slots=True, kw_only=True)
class DuoRec(TransformerBackbone):
    """DuoRec: SASRec's encoder, trained with a semantic contrastive term.

    The term is added after ``warmup_epochs`` epochs of cross-entropy alone, because it slows early learning down.
    On a dense catalogue, training ends before that, so the term is never used.

    Attributes:
        warmup_epochs: epochs before the contrastive term is added.
        contrastive_weight, contrastive_temperature, anchors: factor and temperature of the contrastive term, and the
            maximum number of samples per step in it.

    Source: Qiu et al., "Contrastive Learning for Representation Degeneration Problem in Sequential Recommendation",
    WSDM 2022. Departs from it in packed training, the cross-entropy warm-up and the weight of the contrastive term.
    """

    name: ClassVar[str] = "duorec"
    package: ClassVar[str] = __name__.rpartition(".")[0]
    title: ClassVar[str] = "DuoRec"
    tunable: ClassVar[Mapping[str, Tunable]] = {
        **TransformerBackbone.tunable,
        "contrastive_weight": Tunable(
            meaning="factor of the contrastive term", high=10.0, search=(0.001, 0.3), log=True
        ),
        "contrastive_temperature": Tunable(meaning="temperature of the contrastive term", low=0.01, high=10.0),
        "warmup_epochs": Tunable(meaning="epochs before the contrastive term joins", high=10000),
    }

    warmup_epochs: int = 20
    contrastive_weight: float = 0.01
    contrastive_temperature: float = 1.0
    anchors: int = 128

    def extra_term(self, windows: Windows, data: Interactions) -> ExtraTerm | None:
        from harness.backbones.duorec.contrastive import Contrast, SameTarget

        if not self.contrastive_weight > 0:
            return None
        return Contrast(
            weight=self.contrastive_weight,
            warmup_epochs=self.warmup_epochs,
            temperature=self.contrastive_temperature,
            anchors=self.anchors,
            same_target=SameTarget(windows, data),
        )
