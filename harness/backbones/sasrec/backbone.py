"""SASRec as a study names it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from harness.backbones.transformer.backbone import TransformerBackbone


@dataclass(frozen=True, slots=True, kw_only=True)
class SASRec(TransformerBackbone):
    """SASRec, trained by a softmax over the whole catalogue; DuoRec without its contrastive term.

    Source: Kang and McAuley, "Self-Attentive Sequential Recommendation", ICDM 2018. Departs from it in the loss (the
    paper uses one negative per target), post-LayerNorm (as in RecBole) and packed training.
    """

    name: ClassVar[str] = "sasrec"
    package: ClassVar[str] = __name__.rpartition(".")[0]
    title: ClassVar[str] = "SASRec"
