"""Every backbone by name: what ships with the harness, and what plug-ins add (group ``ftr_study.backbones``)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from harness.backbones.base import Backbone, flaw_in
from harness.plugins import Registry, subclass_of


def _builtin() -> Iterable[type[Backbone]]:
    from harness.backbones.duorec.backbone import DuoRec
    from harness.backbones.gru4rec.backbone import GRU4Rec
    from harness.backbones.lrurec.backbone import LRURec
    from harness.backbones.sasrec.backbone import SASRec

    return (DuoRec, SASRec, GRU4Rec, LRURec)


def _flaw(entry: Any) -> str:
    return subclass_of(Backbone)(entry) or flaw_in(entry)


BACKBONES: Registry[type[Backbone]] = Registry(
    group="ftr_study.backbones",
    what="backbone",
    builtin=_builtin,
    name_of=lambda kind: kind.name,
    check=_flaw,
)

DEFAULT_NAME = "duorec"
"""The backbone of a study, or of a backbone file, that names none."""


DEFAULT: Backbone = BACKBONES.find(DEFAULT_NAME)()
"""The default backbone with its default fields."""
