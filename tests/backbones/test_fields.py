"""Fields of a backbone: what a plug-in may declare, and sizes that are none."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from importlib.metadata import EntryPoint
from typing import ClassVar

import pytest

from harness import plugins
from harness.backbones.base import Backbone, flaw_in
from harness.backbones.duorec.backbone import DuoRec
from harness.backbones.gru4rec.backbone import GRU4Rec
from harness.backbones.lrurec.backbone import LRURec
from harness.backbones.registry import BACKBONES
from harness.backbones.sasrec.backbone import SASRec
from harness.backbones.values import Tunable
from harness.contracts.backbone import BackboneContractError, check_description
from harness.errors import InputError
from tests.backbones.batched.modules import EachHistory, EachWindow
from tests.backbones.mean_of_items import MeanOfItems


@dataclass(frozen=True, slots=True, kw_only=True)
class NoDefault(MeanOfItems):
    name: ClassVar[str] = "no_default"

    depth: int


@dataclass(frozen=True, slots=True, kw_only=True)
class NoField(MeanOfItems):
    name: ClassVar[str] = "no_field"
    tunable: ClassVar[Mapping[str, Tunable]] = {"widht": Tunable(meaning="width of items", low=1)}


FLAWS: tuple[tuple[Backbone, str], ...] = (
    (NoDefault(depth=2), "field depth of NoDefault has no default; give it one"),
    (NoField(), r"tunable of NoField names 'widht', which is no field of it; .* did you mean width\?"),
)
by_name = pytest.mark.parametrize(("spec", "message"), FLAWS, ids=lambda value: getattr(value, "name", ""))


@by_name
def test_a_flaw_in_its_fields_is_named(spec: Backbone, message: str) -> None:
    with pytest.raises(BackboneContractError, match=message):
        check_description(spec)


@by_name
def test_a_plug_in_with_a_flaw_in_its_fields_costs_no_other_study(
    spec: Backbone, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    points = [
        EntryPoint(spec.name, f"{__name__}:{type(spec).__name__}", BACKBONES.group),
        EntryPoint("mean", "tests.backbones.mean_of_items:MeanOfItems", BACKBONES.group),
    ]
    monkeypatch.setattr(plugins, "entry_points", lambda group: points if group == BACKBONES.group else [])
    monkeypatch.setattr(BACKBONES, "_all", None)
    monkeypatch.setattr(BACKBONES, "broken", {})
    assert set(BACKBONES) >= {"duorec", "mean_of_items"}
    with pytest.raises(InputError, match=message):
        BACKBONES.find(spec.name)


def test_fields_of_every_backbone_are_without_a_flaw() -> None:
    assert {kind.name: flaw_in(kind) for kind in (*BACKBONES.values(), EachHistory, EachWindow) if flaw_in(kind)} == {}


SIZES = {
    DuoRec: ("hidden_size", "max_length", "batch_tokens", "n_layers", "n_heads", "inner_size"),
    SASRec: ("hidden_size", "max_length", "batch_tokens", "n_layers", "n_heads", "inner_size"),
    LRURec: ("hidden_size", "max_length", "batch_tokens", "n_layers", "state_size", "inner_size"),
    GRU4Rec: ("hidden_size", "max_length", "batch_tokens", "n_layers", "recurrent_size"),
    EachHistory: ("hidden_size", "max_length", "batch_size"),
    EachWindow: ("hidden_size", "max_length", "batch_tokens"),
}


@pytest.mark.parametrize("value", [0, -1])
@pytest.mark.parametrize(("kind", "name"), [(kind, name) for kind, names in SIZES.items() for name in names])
def test_a_size_below_one_is_refused(kind: type[Backbone], name: str, value: int) -> None:
    with pytest.raises(InputError, match=f"^{name} is {value}; give 1 or more"):
        replace(kind(), **{name: value})  # pyright: ignore[reportArgumentType, reportCallIssue]
