"""What every executor keeps to, wherever it runs cells."""

from __future__ import annotations

import importlib.util
import json
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from harness.data.formats.sequences import write_sequences
from harness.data.planted import PlantedWorld, plant
from harness.data.sources import load
from harness.engine.types.budget import Budget
from harness.engine.types.streams import Streams
from harness.modes.plan import BackboneRef, Cell
from harness.recipe.recipe import BASE, Recipe
from harness.results.record import RunRecord, same_ranks
from harness.runner.executors.base import Executor, Where, how_it_ended
from harness.runner.executors.local import LocalExecutor
from harness.runner.shared import SharedStages
from harness.runner.tasks import CellFailure, CellResult, CellTask, SharedFiles
from harness.study.study import load_study
from tests.runner import failing
from tests.runner.conftest import SMALL, STUDY

SOON_S = 120.0
"""The longest that any test waits for a cell, on a busy machine."""

needs_ray = pytest.mark.skipif(
    importlib.util.find_spec("ray") is None, reason="needs Ray: pip install 'ftr-study[ray]'"
)


@dataclass(frozen=True)
class Tasks:
    """Makes tasks on one small replicate."""

    folder: Path
    shared: SharedFiles

    def of(self, recipe: Recipe) -> CellTask:
        streams = Streams(study_seed=0, replicate=0)
        return CellTask(
            key="k",
            cell=Cell(row="base", replicate=0, recipe=recipe, streams=streams, backbone_replicate=0),
            shared=self.shared,
            budget=Budget(epochs=2, patience=2),
            progress_file=self.folder / f"{uuid.uuid4().hex}.jsonl",
            provenance={"versions": "as they are"},
        )

    def broken(self, divergence: Any) -> CellTask:
        return self.of(replace(BASE, divergence=divergence))


@pytest.fixture(scope="module")
def tasks(tmp_path_factory: pytest.TempPathFactory) -> Tasks:
    folder = tmp_path_factory.mktemp("executors")
    world = PlantedWorld(n_users=120, n_items=60, mean_length=14.0, group_size=6)
    write_sequences(plant(world).interactions, folder / "world.txt")
    (folder / "small.yaml").write_text(STUDY.format(more="", replicates=1, end="", epochs=2), encoding="utf-8")
    study = load_study(folder / "small.yaml")
    data = load(study.data, folder / "data")
    stages = SharedStages.of(study, data, data_dir=folder / "data", folder=folder / "cache", spec=SMALL)
    return Tasks(folder=folder, shared=stages.build(BackboneRef(0), lambda *_: None, lambda _: None))


def ray_executor() -> Executor:
    from harness.runner.executors.ray import RayExecutor

    return RayExecutor(Where(executor="ray", workers=2))


EXECUTORS: dict[str, Callable[[], Executor]] = {"local": lambda: LocalExecutor(2), "ray": ray_executor}


@pytest.fixture(scope="module", params=["local", pytest.param("ray", marks=[pytest.mark.slow, needs_ray])])
def executor(request: pytest.FixtureRequest) -> Iterator[Executor]:
    opened = EXECUTORS[request.param]()
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def alone(tasks: Tasks) -> RunRecord:
    """Base as one local worker runs it."""
    opened = LocalExecutor(1)
    outcome = opened.submit(tasks.of(BASE)).result(SOON_S)
    opened.close()
    assert isinstance(outcome, CellResult)
    return outcome.record


def test_two_slots_are_what_was_asked_for(executor: Executor) -> None:
    assert executor.slots == 2


def test_cells_give_the_ranks_of_one_worker_and_tell_every_evaluation_first(
    executor: Executor, tasks: Tasks, alone: RunRecord
) -> None:
    several = [tasks.of(BASE) for _ in range(2)]
    for task, future in [(task, executor.submit(task)) for task in several]:
        outcome = future.result(SOON_S)
        lines = task.progress_file.read_text(encoding="utf-8").splitlines()
        assert isinstance(outcome, CellResult), outcome
        assert same_ranks(outcome.record, alone)
        assert [json.loads(line)["epoch"] for line in lines] == [0, 1, 2]
        assert outcome.record.provenance["versions"] == "as they are"


def test_an_error_comes_home_as_text_and_each_cell_has_one_thread(executor: Executor, tasks: Tasks) -> None:
    outcome = executor.submit(tasks.broken(failing.Raises())).result(SOON_S)
    assert isinstance(outcome, CellFailure)
    assert outcome.reason.startswith("RuntimeError: torch 1, faiss 1 threads\n")
    assert "failing.py" in outcome.reason


def test_an_error_that_cannot_be_pickled_comes_home_as_text(executor: Executor, tasks: Tasks) -> None:
    outcome = executor.submit(tasks.broken(failing.RaisesUnpicklable())).result(SOON_S)
    assert isinstance(outcome, CellFailure)
    assert outcome.reason.startswith("Unpicklable: no pickle\n")


def test_a_cell_that_kills_its_process_dies_alone(executor: Executor, tasks: Tasks, alone: RunRecord) -> None:
    dying, living = executor.submit(tasks.broken(failing.Dies())), executor.submit(tasks.of(BASE))
    death = dying.exception(SOON_S)
    assert death is not None
    assert how_it_ended(death).startswith("its worker process ")
    outcome = living.result(SOON_S)
    assert isinstance(outcome, CellResult), outcome
    assert same_ranks(outcome.record, alone)


@pytest.mark.parametrize("name", ["local", pytest.param("ray", marks=[pytest.mark.slow, needs_ray])])
def test_stop_ends_a_running_cell_within_ten_seconds(name: str, tasks: Tasks, tmp_path: Path) -> None:
    opened = EXECUTORS[name]()
    note = tmp_path / "runs"
    opened.submit(tasks.broken(failing.Sleeps(note=note)))
    waiting = opened.submit(tasks.of(BASE))
    waiting.result(SOON_S)
    until = time.monotonic() + SOON_S
    while not (note.exists() and note.read_text(encoding="utf-8")):
        assert time.monotonic() < until
        time.sleep(0.05)
    worker = Path("/proc") / note.read_text(encoding="utf-8")
    assert alive(worker)
    began = time.monotonic()
    opened.stop()
    while alive(worker):  # Ray's workers are ended by another process
        time.sleep(0.05)
    assert time.monotonic() - began < 10.0


def alive(process: Path) -> bool:
    """Whether a process is there, by its folder below /proc, and more than a name."""
    try:
        return "State:\tZ" not in (process / "status").read_text(encoding="utf-8")
    except (FileNotFoundError, ProcessLookupError):
        return False
