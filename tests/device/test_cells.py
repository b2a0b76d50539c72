"""Backbones, encodings and cells of a study on another device are those of the CPU, as far as its kernels are."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from harness.backbones.duorec.backbone import DuoRec
from harness.backbones.training import train_backbone
from harness.data.interactions import Interactions
from harness.data.sources import load
from harness.engine.types.budget import Budget
from harness.engine.types.streams import Streams
from harness.modes.plan import BackboneRef, Cell
from harness.recipe.recipe import BASE
from harness.results.evidence import DiagnosisTask, Level
from harness.results.record import same_ranks
from harness.runner.inputs import read_encodings, read_inputs
from harness.runner.shared import SharedStages
from harness.runner.tasks import CellResult, CellTask, SharedFiles, attempt_cell
from harness.study.study import load_study
from tests.runner.conftest import Bench, bench

__all__ = ["bench"]

SPEC = DuoRec(batch_tokens=256, warmup_epochs=1, decay_visits=20, visits=30, precision="float32")

pytestmark = [
    pytest.mark.usefixtures("pretended"),
    # torch warns that weights cannot be copied to its own meta device, which the pretended one says it is.
    pytest.mark.filterwarnings("ignore:.*copying from a non-meta parameter"),
]


class Interrupted(Exception):
    """Ends a training between two epochs."""


@pytest.mark.parametrize("n_sampled", [0, 20])
def test_a_backbone_is_trained_interrupted_and_finished_on_the_device(
    n_sampled: int, world: Interactions, tmp_path: Path
) -> None:
    spec = replace(SPEC, n_sampled=n_sampled)

    def stop(epoch: int, *_: object) -> None:
        if epoch == 2:
            raise Interrupted

    here = train_backbone(spec, world, seed=0, threads=1, checkpoint_dir=tmp_path)
    with pytest.raises(Interrupted):
        train_backbone(spec, world, seed=0, threads=1, checkpoint_dir=tmp_path, progress=stop, device="cuda")
    there = train_backbone(spec, world, seed=0, threads=1, checkpoint_dir=tmp_path, device="cuda")
    assert there.key != here.key
    assert [each.loss for each in there.history] == [each.loss for each in here.history]
    assert [each.valid for each in there.history] == [each.valid for each in here.history]
    for name, tensor in there.model.state_dict().items():
        assert type(tensor) is torch.Tensor
        assert torch.equal(tensor, here.model.state_dict()[name])
    again = train_backbone(spec, world, seed=0, threads=1, checkpoint_dir=tmp_path, device="cuda")
    assert (again.key, again.chosen_epoch) == (there.key, there.chosen_epoch)


def task_on(shared: SharedFiles, folder: Path) -> CellTask:
    cell = Cell(row="base", replicate=0, recipe=BASE, streams=Streams(study_seed=0, replicate=0), backbone_replicate=0)
    return CellTask(
        key="k",
        cell=cell,
        shared=shared,
        budget=Budget(epochs=2, patience=2),
        progress_file=folder / "progress",
        provenance={},
        diagnosis=DiagnosisTask(key="d", level=Level.LIGHT),
    )


def test_a_cell_of_a_study_runs_and_is_diagnosed_on_the_device(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    study = load_study(bench.write())
    data = load(study.data, bench.folder)
    results: dict[str, CellResult] = {}
    encodings: dict[str, NDArray[np.float32]] = {}
    for device in ("cpu", "cuda"):
        monkeypatch.setattr(SharedStages, "device", device)
        stages = SharedStages.of(study, data, data_dir=bench.folder, folder=bench.folder / "cache", spec=SPEC)
        shared = stages.build(BackboneRef(0), lambda *_: None, lambda _: None)
        outcome = attempt_cell(task_on(shared, bench.folder), lambda shared=shared: read_inputs(shared), lambda _: None)
        assert isinstance(outcome, CellResult), outcome
        results[device], encodings[device] = outcome, read_encodings(shared)
    here, there = results["cpu"], results["cuda"]
    np.testing.assert_array_equal(encodings["cpu"], encodings["cuda"])
    assert same_ranks(here.record, there.record)
    assert [point.losses for point in here.record.curve] == [point.losses for point in there.record.curve]
    assert (here.record.provenance["device"], there.record.provenance["device"]) == ("cpu", "cuda")
    assert there.diagnosis is not None
    assert there.diagnosis.problem == ""
    assert there.diagnosis.entries
