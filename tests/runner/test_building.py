"""A backbone as a task of a worker: what it tells, what its time is, how it fails."""

from __future__ import annotations

import logging
import threading
import time
from concurrent.futures import Future
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
import torch

from harness.backbones.duorec.backbone import DuoRec
from harness.backbones.training import load_backbone
from harness.data.sources import load
from harness.errors import ContractError, EnvironmentProblem, InputError
from harness.files import locked
from harness.modes.plan import BackboneRef
from harness.runner import building, shared
from harness.runner.building import BuildTask, Built, attempt_build
from harness.runner.builds import Builds
from harness.runner.running import new_lines
from harness.runner.shared import SharedStages
from harness.study.study import load_study
from tests.runner.conftest import SMALL, Bench, Counting

WANTED = BackboneRef(0)


@dataclass
class Here:
    """An executor that builds in this process when it is asked."""

    slots: int = 1

    def build(self, task: BuildTask) -> Future[Built]:
        future: Future[Built] = Future()
        future.set_result(attempt_build(task))
        return future


@pytest.fixture
def stages(bench: Bench) -> SharedStages:
    study = load_study(bench.write(replicates=1))
    folder = bench.folder / "data"
    cache = bench.folder / "cache"
    return SharedStages.of(study, load(study.data, folder), data_dir=folder, folder=cache, spec=SMALL)


def built(stages: SharedStages, folder: Path) -> tuple[list[str], Builds, str]:
    """Hand out the first backbone and take it in; what was shown, and why its cells cannot run."""
    display = Counting()
    builds = Builds(stages=stages, display=display, folder=folder)
    executor: Any = Here()
    builds.begin([WANTED], executor, n_cells=0, ready=())
    (future,) = builds.running
    return display.messages, builds, builds.take_in(future)[1]


def test_every_epoch_is_told_and_a_backbone_that_is_there_is_not_trained_again(
    stages: SharedStages, tmp_path: Path
) -> None:
    told, builds, why = built(stages, tmp_path)
    assert why == ""
    assert told[0].startswith("backbone 0: epoch 1 of at most ")
    assert ", validation ndcg@10 0." in told[0]
    assert told[-1].startswith("backbone 0: ready after ")
    (trained,) = builds.trained
    assert (trained[0], trained[1]) == (SMALL, len(told) - 1)
    assert builds.shared[WANTED].encodings.exists()

    told, builds, why = built(stages, tmp_path)
    assert (told, builds.trained, why) == ([], [], "")
    assert WANTED in builds.shared


def test_in_a_worker_it_is_the_same_backbone_bit_for_bit(stages: SharedStages, bench: Bench, tmp_path: Path) -> None:
    files = stages.build(WANTED, lambda *_: None, lambda _: None)
    elsewhere = replace(stages, folder=bench.folder / "elsewhere")
    task = elsewhere.task(WANTED, tmp_path / "told")
    assert attempt_build(task).why == ""
    one, other = (load_backbone(DuoRec, each.backbone).model.state_dict() for each in (files, task.shared))
    assert all(torch.equal(tensor, other[name]) for name, tensor in one.items())
    assert task.shared.encodings.read_bytes() == files.encodings.read_bytes()


def test_backbones_of_one_thread_share_the_machine_and_others_do_not(
    stages: SharedStages, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shared, "SHARED_THREADS", 1)
    alone = stages.backbone_key(WANTED)
    assert (stages.threads, stages.task(WANTED).threads, stages.one_by_one) == (1, 1, False)
    monkeypatch.setattr(shared, "SHARED_THREADS", 3)
    several = replace(stages)
    assert (several.threads, several.task(WANTED).threads, several.one_by_one) == (3, 3, True)
    assert several.backbone_key(WANTED) != alone


def test_waiting_for_another_process_is_told_and_is_no_time_of_a_backbone(stages: SharedStages, tmp_path: Path) -> None:
    stages.build(WANTED, lambda *_: None, lambda _: None)
    task = stages.task(WANTED, tmp_path / "told")
    held, ended = threading.Event(), threading.Event()

    def hold() -> None:
        with locked(task.shared.backbone, lambda _: None):
            held.set()
            ended.wait(10)

    holder = threading.Thread(target=hold)
    holder.start()
    held.wait(10)
    threading.Timer(1.0, ended.set).start()
    began = time.monotonic()
    outcome = attempt_build(task)
    assert time.monotonic() - began > 0.9
    assert outcome.seconds < 0.9
    holder.join()
    begun, line = new_lines(task.progress_file, 0)
    assert begun == {"begun": True}
    assert line["message"].startswith(f"{task.shared.backbone.name} is in use by process ")


@pytest.mark.parametrize(
    ("problem", "why", "ends_run"),
    [
        (InputError("too few users\nmore"), "too few users\nmore", False),
        (EnvironmentProblem("the disk is full"), "the disk is full", True),
        (ContractError("no such field"), "no such field", False),
        (PermissionError(13, "denied"), "cannot write ", True),
        (RuntimeError("no such layer"), "RuntimeError: no such layer\nTraceback", False),
    ],
)
def test_a_failure_says_why_and_whether_others_could_be_built(
    stages: SharedStages,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    problem: Exception,
    why: str,
    ends_run: bool,
) -> None:
    def fails(*_: object, **__: object) -> None:
        raise problem

    monkeypatch.setattr(building, "build", fails)
    outcome = attempt_build(stages.task(WANTED, tmp_path / "told"))
    assert outcome.why.startswith(why)
    assert outcome.ends_run == ends_run
    if not ends_run:
        told, builds, reason = built(stages, tmp_path)
        assert told == [f"backbone 0: failed: {why.partition(chr(10))[0]}"]
        assert reason.startswith(why)
        assert builds.shared == {}


def test_what_a_worker_warns_of_is_logged_where_the_run_is(
    stages: SharedStages, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    files = stages.build(WANTED, lambda *_: None, lambda _: None)
    before = files.backbone.read_bytes()
    files.backbone.write_bytes(before[:-40] + bytes(40))
    with caplog.at_level(logging.WARNING):
        _, _, why = built(stages, tmp_path)
    assert why == ""
    assert any(
        "set aside as" in record.getMessage() for record in caplog.records if record.name == "harness.runner.builds"
    )
