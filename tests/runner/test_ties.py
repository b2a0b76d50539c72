"""Equal timestamps: what the order of the file decides is measured by the backbone alone, once."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from harness.backbones.ranking import target_ranks
from harness.backbones.training import load_backbone
from harness.data.planted import PlantedWorld, plant
from harness.data.report import exchangeable, n_decided_by_ties
from harness.data.sources import load
from harness.data.split import split_prefixes
from harness.engine.evaluation import ranks_without_retrieval
from harness.errors import EnvironmentProblem
from harness.modes.plan import BackboneRef
from harness.recipe.seams.candidates import AllItems
from harness.results.folder import StudyFolder
from harness.results.metrics import check_metric
from harness.runner import coordinator, ties
from harness.runner.coordinator import RunOptions, StudyResult, run_study
from harness.runner.executors.base import Where
from harness.runner.shared import SharedStages
from harness.runner.tasks import assembled
from harness.runner.ties import measure_ties
from harness.study.study import load_study
from harness.study.types import Study
from tests.backbones.mean_of_items import MeanOfItems
from tests.runner.conftest import SMALL, Counting

STUDY = """\
name: tied
data: {path: log.csv, min_interactions: 1}
arms: {}
replicates: 1
budget: {epochs: 1, patience: 1}
diagnostics: off
"""


def study_of(folder: Path, *, per_stamp: int, protocol: str = "{}") -> Study:
    """A planted world whose events share a timestamp by so many."""
    world = plant(PlantedWorld(n_users=60, n_items=30, mean_length=9, trail_length=4, retrieval_share=0.3)).interactions
    rows = ["user,item,time"]
    for user in range(world.n_users):
        rows += [f"u{user},{item},{place // per_stamp}" for place, item in enumerate(world.sequence(user).tolist())]
    (folder / "log.csv").write_text("\n".join(rows), encoding="utf-8")
    (folder / "tied.yaml").write_text(f"{STUDY}protocol: {protocol}\n", encoding="utf-8")
    return load_study(folder / "tied.yaml")


def run(study: Study, folder: Path, *, out: str = "runs") -> tuple[StudyResult, list[str]]:
    display = Counting()
    how = RunOptions(out=folder / out, where=Where(workers=1), data_dir=folder / "data")
    return run_study(study, how, display, spec=SMALL), display.messages


def stages_of(study: Study, folder: Path, out: str = "runs") -> SharedStages:
    data = load(study.data, folder / "data")
    return SharedStages.of(study, data, data_dir=folder / "data", folder=folder / out / ".cache", spec=SMALL)


def test_the_test_set_is_ranked_in_the_order_of_the_file_and_in_five_others_and_once_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[str] = []
    stages = stages_of(study_of(tmp_path, per_stamp=3), tmp_path)
    stages.build(BackboneRef(0), lambda *_: None, told.append)
    measure_ties(stages, told.append)
    found = ties.known_ties(stages)
    assert found is not None
    assert found.keys() == {"metric", "n_users", "share", "n_exchanged", "as_read", "shuffled", "what"}
    assert (found["metric"], found["what"]) == ("ndcg@10", "backbone alone, replicate 0")
    assert found["n_users"] == n_decided_by_ties(stages.data)
    assert 0 < found["n_exchanged"] == exchangeable(stages.data).sum() < found["n_users"]
    assert found["share"] == found["n_users"] / 60 > 0.5
    assert len(found["shuffled"]) == 5
    assert len({found["as_read"], *found["shuffled"]}) > 3
    (line,) = told
    assert f"target of {found['n_users']} of 60 users ({found['share']:.0%})" in line
    assert f"{found['as_read']:.4f} in file order" in line
    assert (
        f"of the {found['n_exchanged']} users for whom these have the same timestamp (training events are not shuffled)"
        in line
    )

    model = load_backbone(type(SMALL), stages.files(BackboneRef(0)).backbone).model
    encodings = model.encode(stages.data, stages.prefixes)[stages.prefixes.test]
    scores = (encodings @ model.item_matrix.T)[:, 1:].detach().numpy()
    targets = stages.prefixes.target[stages.prefixes.test] - 1
    ranks = (scores >= scores[np.arange(60), targets][:, None]).sum(axis=1)
    assert found["as_read"] == pytest.approx(check_metric("ndcg@10").mean(ranks.astype(np.int32)))

    monkeypatch.setattr("harness.backbones.training.load_backbone", refuse)
    measure_ties(stages, told.append)
    assert told == [line, line]
    monkeypatch.undo()
    (kept,) = (tmp_path / "runs" / ".cache" / "ties").iterdir()
    kept.write_bytes(b"damaged")
    measure_ties(stages, told.append)
    assert ties.known_ties(stages) == found, "the same shuffles each time"


def test_several_targets_are_exchanged_among_each_other_and_the_sentence_says_so(tmp_path: Path) -> None:
    told: list[str] = []
    study = study_of(tmp_path, per_stamp=3, protocol="{targets: 3, valid_targets: 2, history: hide}")
    stages = stages_of(study, tmp_path)
    stages.build(BackboneRef(0), lambda *_: None, told.append)
    measure_ties(stages, told.append)
    found, held_out = ties.known_ties(stages), stages.prefixes.held_out
    assert found is not None
    assert set(held_out) > {2}
    assert found["n_users"] == n_decided_by_ties(stages.data, held_out) >= n_decided_by_ties(stages.data)
    assert found["n_exchanged"] == exchangeable(stages.data, held_out).sum()
    (line,) = told
    assert f"decides a validation or test target of {found['n_users']} of 60 users" in line
    assert f"of the validation and test events of the {found['n_exchanged']} users for whom some of these have" in line

    model = load_backbone(type(SMALL), stages.files(BackboneRef(0)).backbone).model
    inputs = assembled(stages.data, stages.prefixes, model, model.encode(stages.data, stages.prefixes).numpy())
    ranks = ranks_without_retrieval(inputs, stages.prefixes.test, AllItems())
    own = stages.prefixes.by_user(ranks, stages.prefixes.test)
    assert own.ndim == 2
    assert found["as_read"] == pytest.approx(check_metric("ndcg@10").mean(own))


def refuse(*_: object) -> None:
    raise AssertionError("loaded again")


@pytest.mark.slow
def test_a_run_says_it_writes_it_into_the_manifest_and_ranks_as_it_does_without(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    study = study_of(tmp_path, per_stamp=3)
    first, told = run(study, tmp_path)
    (line,) = [line for line in told if line.startswith("tied timestamps")]
    found = first.folder.manifest().data["ties"]
    assert f"{found['as_read']:.4f} in file order" in line
    assert "data: read as CSV: user=user, item=item, time=time (guessed; change with columns:)" in told
    assert first.folder.manifest().data["read_as"].startswith("CSV: user=user")

    monkeypatch.setattr("harness.backbones.training.load_backbone", refuse)
    again, told = run(study, tmp_path)
    assert again.folder.manifest().data["ties"] == found
    assert line in told

    monkeypatch.undo()
    monkeypatch.setattr(ties, "LEAST_SHARE", 2.0)
    other, told = run(study, tmp_path, out="without")
    assert other.ranks == first.ranks
    assert other.folder.manifest().data["ties"] is None
    assert not any(line.startswith("tied timestamps") for line in told)


def test_nothing_is_measured_without_ties_or_without_a_backbone_and_a_damaged_one_is_said(tmp_path: Path) -> None:
    told: list[str] = []
    (tmp_path / "a").mkdir()
    untied = stages_of(study_of(tmp_path / "a", per_stamp=1), tmp_path / "a")
    untied.build(BackboneRef(0), lambda *_: None, told.append)
    measure_ties(untied, told.append)
    tied = stages_of(study_of(tmp_path, per_stamp=3), tmp_path)
    measure_ties(tied, told.append)
    assert told == []
    assert ties.known_ties(tied) is ties.known_ties(untied) is None
    assert not list(tmp_path.rglob("ties"))
    backbone = tied.files(BackboneRef(0)).backbone
    backbone.parent.mkdir(parents=True)
    backbone.write_bytes(b"no backbone")
    measure_ties(tied, told.append)
    (said,) = told
    assert said.startswith("tied timestamps: effect not measured; ")
    assert ties.known_ties(tied) is None


def test_an_encoder_of_a_plug_in_need_not_encode_some(tmp_path: Path) -> None:
    data = stages_of(study_of(tmp_path, per_stamp=3), tmp_path).data
    model = MeanOfItems().build(data.n_items)
    model.initialise(torch.Generator().manual_seed(1))
    prefixes = split_prefixes(data)
    expected = target_ranks(
        model.encode(data, prefixes)[prefixes.test], model.item_matrix.detach(), prefixes.target[prefixes.test]
    )
    assert "encode_some" not in vars(type(model))  # its base encodes all and takes some
    assert np.array_equal(ties._test_ranks(model, data), expected)


def test_the_manifest_is_written_before_ties_are_measured_and_their_failure_costs_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    there: list[bool] = []

    def fails(stages: SharedStages, tell: object) -> None:
        manifest = StudyFolder(tmp_path / "runs" / "tied").manifest()
        there.append(all(row.keys for row in manifest.rows))
        raise RuntimeError("no such operator")

    monkeypatch.setattr(coordinator, "measure_ties", fails)
    result, told = run(study_of(tmp_path, per_stamp=3), tmp_path)
    assert there == [True]
    assert (result.interrupted, result.n_failed, result.n_done) == (False, 0, result.n_cells)
    assert any("effect not measured (no such operator)" in line for line in told)


def test_kept_figures_that_cannot_be_read_cost_no_manifest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def closed(self: object, path: Path) -> None:
        raise EnvironmentProblem("cannot read it")

    stages = stages_of(study_of(tmp_path, per_stamp=3), tmp_path)
    monkeypatch.setattr("harness.files.Sealed.read", closed)
    assert ties.known_ties(stages) is None
