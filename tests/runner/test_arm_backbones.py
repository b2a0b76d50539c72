"""Arms on backbones of their own: what is trained, what is shared, and what a search of a backbone does."""

from __future__ import annotations

import pickle
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from harness.backbones.base import Backbone
from harness.backbones.duorec.backbone import DuoRec
from harness.backbones.registry import BACKBONES
from harness.backbones.sasrec.backbone import SASRec
from harness.backbones.values import Tunable
from harness.data.sources import load
from harness.imports.backbone_file import BackboneFile
from harness.interventions import REGISTRY, find
from harness.modes.plan import BackboneRef
from harness.modes.planning import make_plan
from harness.recipe.recipe import BASE
from harness.results.record import same_ranks
from harness.runner.early import check_data
from harness.runner.keys import Keys
from harness.runner.shared import SharedStages
from harness.study.mistakes import StudyFileError
from harness.study.study import load_study
from tests.backbones.mean_of_items import MeanOfItems
from tests.runner.conftest import Bench

OTHER = "{backbone.sasrec: {batch_tokens: 256, decay_visits: 20, visits: 30}}"
MODEL = OTHER.replace("backbone.", "")
MORE = f"other: {OTHER}\nother_cosine: [{OTHER}, wiring.cosine]\n"


def keys_of(bench: Bench, *, more: str = "", end: str = "diagnostics: off\n") -> tuple[Keys, dict[str, str]]:
    """The keys of a study, and the record key of each row's first replicate."""
    plan = make_plan(load_study(bench.write(more=more, end=end)))
    data = load(plan.study.data, bench.folder)
    keys = Keys(plan, SharedStages.of(plan.study, data, data_dir=bench.folder, folder=bench.folder))
    return keys, {cell.row: keys.record(cell) for cell in plan.cells([0])}


def test_an_arm_trains_its_backbone_once_a_replicate_and_the_others_keep_theirs(bench: Bench) -> None:
    outcome, display = bench.run(workers=2, more=MORE, replicates=2)
    assert (outcome.n_failed, outcome.n_run) == (0, 12)
    backbones = list((bench.folder / "runs/.cache/backbones").glob("*.safetensors"))
    assert len(backbones) == 4
    named = outcome.folder.manifest().provenance["backbones"]
    chosen = str(SASRec(batch_tokens=256, decay_visits=20, visits=30))
    assert list(named) == ["0", f"0 ({chosen})", "1", f"1 ({chosen})"]
    assert set(named.values()) == {each.stem for each in backbones}
    assert any("backbone 1 (sasrec(" in message and "ready" in message for message in display.messages)
    records = outcome.folder.load_records(outcome.folder.manifest())
    assert not same_ranks(records["other"][0], records["base"][0])
    assert not (records["other"][0].test_off == records["base"][0].test_off).all()
    assert (records["other_cosine"][0].test_off == records["other"][0].test_off).all()
    assert records["other"][0].recipe["backbone"].startswith("sasrec(")
    assert "backbone" not in records["base"][0].recipe
    without, _ = bench.run(replicates=2)
    assert without.n_run == 0
    under_all, _ = bench.run(replicates=2, end=f"diagnostics: off\nbackbone: {{model: {MODEL}}}\n")
    assert under_all.n_run == 6
    manifest = under_all.folder.manifest()
    assert manifest.backbone_recipe["model"].startswith("sasrec(")
    moved = under_all.folder.load_records(manifest)
    assert same_ranks(moved["base"][0], records["other"][0])


def test_a_record_does_not_know_whether_the_study_or_the_arm_chose_its_backbone(bench: Bench) -> None:
    _, one = keys_of(bench, more=f"other: {OTHER}\n")
    _, two = keys_of(bench, more="own: backbone.duorec\n", end=f"backbone: {{model: {MODEL}}}\ndiagnostics: off\n")
    assert one["other"] == two["base"]
    assert two["own"] == one["base"]
    assert len({*one.values(), *two.values()}) == len(one) + len(two) - 2


def test_the_studys_own_backbone_in_an_arm_is_base(bench: Bench) -> None:
    plan = make_plan(load_study(bench.write(more="same: backbone.duorec\nother: {backbone.duorec: {dropout: 0.1}}\n")))
    rows = {row.name: row for row in plan.rows}
    assert (rows["same"].status, rows["same"].alias_of) == ("alias", "base")
    assert rows["other"].status == "run"
    assert plan.backbones([0, 1]) == (
        BackboneRef(0),
        BackboneRef(0, DuoRec(dropout=0.1)),
        BackboneRef(1),
        BackboneRef(1, DuoRec(dropout=0.1)),
    )


def test_beside_a_checkpoint_the_same_model_trained_here_is_an_arm_of_its_own(bench: Bench) -> None:
    more = "trained: backbone.duorec\nboth: [backbone.duorec, wiring.overlap, wiring.product]\n"
    study = load_study(bench.write(more=f"{more}overlap: [wiring.overlap, wiring.product]\n"))
    given: Any = object.__new__(BackboneFile)
    assert {row.status for row in make_plan(replace(study, backbone=given)).rows} == {"run"}
    own = make_plan(study)
    assert {row.name: row.alias_of for row in own.rows if row.alias_of} == {"trained": "base", "overlap": "both"}
    assert own.backbones([0]) == (BackboneRef(0),)


def test_two_backbones_of_one_package_have_two_keys() -> None:
    one = type("One", (MeanOfItems,), {"__slots__": (), "name": "one"})()
    given = {"fingerprint": "f", "seed": 0, "threads": 1}
    assert one.described() == MeanOfItems().described()
    assert one.key(**given) != MeanOfItems().key(**given)


def test_a_choice_survives_pickling() -> None:
    chosen = find("backbone.sasrec").from_settings({"dropout": 0.1})
    again = pickle.loads(pickle.dumps(chosen))
    assert again == chosen
    assert again.apply(BASE).backbone == SASRec(dropout=0.1)


def test_a_plug_in_with_wrong_fields_costs_its_own_choice_alone(
    monkeypatch: pytest.MonkeyPatch, bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    wrong = type(
        "Wrong", (MeanOfItems,), {"__slots__": (), "name": "wrong", "tunable": {"n_layer": Tunable(meaning="x")}}
    )
    monkeypatch.setattr(BACKBONES, "_all", {**BACKBONES, "wrong": wrong})
    monkeypatch.setattr(BACKBONES, "broken", {})
    monkeypatch.setattr(REGISTRY, "_all", None)
    assert "backbone.sasrec" in REGISTRY
    assert "backbone.wrong" not in list(REGISTRY)
    assert "backbone wrong cannot be chosen in an arm" in caplog.text
    with pytest.raises(StudyFileError, match="its tunable fields: KeyError"):
        load_study(bench.write(more="a: backbone.wrong\n"))


def test_a_shared_backbone_is_shared_in_every_arm(bench: Bench) -> None:
    outcome, _ = bench.run(more=f"other: {OTHER}\n", replicates=2, end="diagnostics: off\nbackbone: shared\n")
    backbones = list((bench.folder / "runs/.cache/backbones").glob("*.safetensors"))
    assert len(backbones) == 2
    assert sorted(outcome.folder.manifest().provenance["backbones"].values()) == sorted(each.stem for each in backbones)
    assert outcome.n_failed == 0


@pytest.mark.parametrize(
    ("more", "end", "line", "said"),
    [
        ("two: [backbone.sasrec, backbone.duorec]\n", "", "arms.two", "both set backbone"),
        ("odd: {backbone.sasrec: {max_length: 5}}\n", "", "arms.odd", "stride is 25"),
        ("odd: {backbone.sasrec: {selection: mrr}}\n", "", "arms.odd", "no parameter"),
        ("", "backbone: {model: caser}\n", "backbone.model", "unknown backbone 'caser'"),
        ("", "backbone: {model: {sasrec: {dropout: 2}}}\n", "backbone.model", "dropout"),
        ("", "backbone: {model: {sasrec: {}, duorec: {}}}\n", "backbone.model", "2 models"),
        ("", "backbone: {model: sasrec, checkpoint: a.safetensors}\n", "backbone", "determines the model"),
        ("", "base: backbone.sasrec\n", "base", "write  backbone: {model: sasrec}"),
        ("", "backbone: sasrec\n", "backbone", "{model: sasrec}"),
    ],
)
def test_what_cannot_be_is_refused_at_its_line(bench: Bench, more: str, end: str, line: str, said: str) -> None:
    with pytest.raises(StudyFileError) as told:
        make_plan(load_study(bench.write(more=more, end=f"diagnostics: off\n{end}")))
    assert said in str(told.value)
    assert line in str(told.value)


def test_an_arms_backbone_without_a_sampled_softmax_is_refused_where_the_study_wants_one(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(SASRec, "with_sampled", Backbone.with_sampled)
    end = "backbone: {trained: shared, n_sampled: 9}\n"
    plan = make_plan(load_study(bench.write(more=f"other: {OTHER}\n", end=end)))
    with pytest.raises(StudyFileError, match=r"arms\.other: backbone sasrec has no sampled softmax"):
        check_data(plan, load(plan.study.data, bench.folder))


@pytest.mark.slow
def test_a_search_sets_a_backbones_own_parameters_by_an_equal_budget(bench: Bench) -> None:
    end = "diagnostics: off\nmode: search\nsearch: {trials: 3, width: 2, startup: 2, confirm: 2}\n"
    tuned = f"tuned: {OTHER.replace('}', ', dropout: [0.1, 0.5], n_heads: [1, 2]}', 1)}\n"
    one, _ = bench.run(workers=1, out="one", more=tuned, end=end)
    assert one.n_failed == 0
    course = {arm["name"]: arm for arm in one.folder.manifest().course["arms"]}
    assert {len(arm["trials"]) for arm in course.values()} == {3}
    tried = {str(trial["setting"]) for trial in course["tuned"]["trials"]}
    assert len(tried) > 1
    trained = list((bench.folder / "one/.cache/backbones").glob("*.safetensors"))
    assert len(trained) > 4
    assert set(one.folder.manifest().provenance["backbones"].values()) == {each.stem for each in trained}
    two, _ = bench.run(workers=2, out="two", more=tuned, end=end)
    assert two.ranks == one.ranks


def test_a_checkpoint_of_a_chosen_backbone_lies_where_its_key_says(bench: Bench, tmp_path: Path) -> None:
    keys, _ = keys_of(bench, more=f"other: {OTHER}\n")
    chosen = SASRec(batch_tokens=256, decay_visits=20, visits=30)
    assert keys.backbone(BackboneRef(0, chosen)) != keys.backbone(BackboneRef(1, chosen))
    assert keys.backbone(BackboneRef(0, chosen)) != keys.backbone(BackboneRef(0))
