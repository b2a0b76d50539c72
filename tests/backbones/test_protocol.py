"""Every backbone, and a throw-away one, keeps the contract, and no other code knows which of them it runs."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from harness import plugins
from harness.backbones.base import Backbone
from harness.backbones.duorec.backbone import DuoRec
from harness.backbones.gru4rec.backbone import GRU4Rec
from harness.backbones.lrurec.backbone import LRURec
from harness.backbones.registry import BACKBONES
from harness.backbones.sasrec.backbone import SASRec
from harness.backbones.values import ParameterGroups
from harness.contracts.backbone import BackboneContractError, check_backbone
from harness.contracts.intervention import PROBE_STREAMS, probe_inputs
from harness.contracts.leakage import check_search
from harness.engine.loop import fine_tune
from harness.engine.types.budget import Budget
from harness.errors import InputError
from harness.interventions.training import Unfreeze
from harness.recipe.recipe import BASE, Recipe
from tests.backbones.mean_of_items import MeanEncoder, MeanOfItems
from tests.backbones.plainly import TINY, like

ROOT = Path(__file__).parents[2]
SHORT = replace(TINY, visits=20, warmup_epochs=1)
SPECS: tuple[Backbone, ...] = (SHORT, like(SHORT, SASRec), like(SHORT, GRU4Rec), like(SHORT, LRURec), MeanOfItems())


@pytest.mark.parametrize("spec", SPECS, ids=lambda spec: spec.name)
def test_a_backbone_keeps_the_contract(spec: Backbone, tmp_path: Path) -> None:
    check_backbone(spec, tmp_path)


@pytest.mark.parametrize("recipe", [BASE, Unfreeze(start="1ep", all_from="2ep").apply(BASE)], ids=["base", "unfreeze"])
def test_a_run_on_another_backbone_goes_from_end_to_end(recipe: Recipe) -> None:
    inputs = probe_inputs(MeanOfItems())
    before = {name: tensor.clone() for name, tensor in inputs.backbone.state_dict().items()}
    budget = Budget(epochs=3, patience=3)
    result = fine_tune(recipe, inputs, budget=budget, streams=PROBE_STREAMS, search_observer=check_search)
    assert len(result.test_on) == inputs.data.n_users
    assert all(torch.equal(tensor, before[name]) for name, tensor in inputs.backbone.state_dict().items())
    rates = {name for point in result.curve for name, rate in point.settings.items() if rate and "rate." in name}
    backbone = {"learning_rate.items", "learning_rate.mixing"} if recipe.moves_backbone else set()
    assert rates == {"learning_rate.retriever"} | backbone


def _late(self: MeanEncoder, *args: Any) -> Tensor:
    return MeanEncoder.forward(self, *args).roll(1, dims=0)


BROKEN: dict[str, tuple[str, object, str]] = {
    "future": ("forward", _late, "mask the future"),
    "groups": ("parameter_groups", property(lambda self: ParameterGroups(blocks=("mixing",))), "every parameter once"),
    "noise": ("encode_noisy", lambda self, data, prefixes, _: self.encode(data, prefixes)[prefixes.train], "dropout"),
    "items": ("item_matrix", property(lambda self: self.items.weight[1:]), "rows"),
    "padding": ("initialise", lambda self, generator: self.items.weight.data.fill_(1.0), "padding"),
    "batches": ("batches", lambda self, data, prefixes, **_: iter(()), "every training prefix"),
}


@pytest.mark.parametrize("flaw", BROKEN)
def test_a_flaw_is_found(flaw: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    name, wrong, message = BROKEN[flaw]
    broken = type("Broken", (MeanEncoder,), {name: wrong})
    monkeypatch.setattr(MeanOfItems, "build", lambda self, n_items: broken(n_items, self))
    with pytest.raises(BackboneContractError, match=message):
        check_backbone(MeanOfItems(), tmp_path)


def test_a_training_that_starts_anew_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("harness.backbones.training_state.TrainingState.resume", lambda self, path: None)
    with pytest.raises(BackboneContractError, match="does not continue"):
        check_backbone(MeanOfItems(), tmp_path)


def test_a_plug_ins_backbone_is_found_by_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    assert BACKBONES.find("duorec") is DuoRec
    point = EntryPoint("mean", "tests.backbones.mean_of_items:MeanOfItems", BACKBONES.group)
    monkeypatch.setattr(plugins, "entry_points", lambda group: [point] if group == BACKBONES.group else [])
    monkeypatch.setattr(BACKBONES, "_all", None)
    assert BACKBONES.find("mean_of_items").name == "mean_of_items"
    with pytest.raises(InputError, match=r"duorec, .*, mean_of_items"):
        BACKBONES.find("caser")


OWN = sorted(
    path.parent.relative_to(ROOT).as_posix()
    for path in (ROOT / "harness/backbones").glob("*/backbone.py")
    if path.parent.name != "packed"
)
"""The folders of single backbones, and of what some of them share."""

NAMES = re.compile(r"item_embedding|position_embedding|blocks\.[\d<{\"]|DuoRec|GRU4Rec|LRURec")
KINDS = tuple(each.replace("/", ".") for each in OWN)
MAY_KNOW = (*(f"{each}/" for each in OWN), "harness/imports/", "harness/backbones/registry.py")


def _modules(may_know: bool) -> Iterator[Path]:
    for path in sorted((ROOT / "harness").rglob("*.py")):
        if path.relative_to(ROOT).as_posix().startswith(MAY_KNOW) == may_know:
            yield path


@pytest.mark.parametrize(
    "find",
    [
        lambda path: [
            node.module
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith(KINDS)
        ],
        lambda path: NAMES.findall(re.sub(r'(?m)help="[^"]*"', "", path.read_text(encoding="utf-8"))),
    ],
    ids=["imports", "names"],
)
def test_nothing_outside_its_folder_knows_a_backbone(find: Callable[[Path], list[str]]) -> None:
    assert {path.name: found for path in _modules(may_know=False) if (found := find(path))} == {}
    assert any(find(path) for path in _modules(may_know=True))


def test_what_specs_build_knows_no_spec() -> None:
    for folder in ("live", "types"):
        for path in (ROOT / "harness/engine" / folder).glob("*.py"):
            assert "harness.recipe" not in path.read_text(encoding="utf-8"), path


def test_arrays_become_tensors_where_the_device_is_known() -> None:
    for path in (ROOT / "harness").rglob("*.py"):
        assert "torch.from_numpy(" not in path.read_text(encoding="utf-8"), path


@pytest.mark.parametrize("kind", BACKBONES.values(), ids=lambda kind: kind.name)
def test_what_studies_may_set_is_a_field_whose_default_they_may_write(kind: type[Backbone]) -> None:
    defaults = kind().described()
    for name, tunable in kind.tunable.items():
        value = defaults[name]
        assert tunable.low <= value <= tunable.high, name
        assert not tunable.choices or value in tunable.choices, name
        if tunable.search is not None:
            assert tunable.low <= tunable.search[0] <= value <= tunable.search[1] <= tunable.high, name
