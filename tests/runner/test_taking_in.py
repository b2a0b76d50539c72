"""Cells that end while the coordinator is busy elsewhere, or while Ctrl-C ends the run, are taken in."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from harness.backbones.registry import DEFAULT
from harness.errors import EnvironmentProblem, InputError
from harness.files import locked
from harness.interventions import CATALOGUE
from harness.modes.base import mode_of
from harness.modes.plan import BackboneRef, Plan
from harness.modes.planning import make_plan
from harness.runner import coordinator
from harness.runner.building import build_backbone
from harness.runner.executors.base import Where
from harness.runner.executors.local import WorkerPool
from harness.runner.tasks import CellFailure, CellResult, CellTask
from harness.study.study import load_study
from tests.runner.conftest import Counting
from tests.runner.made import MadeExecutor, dispatcher_of, made_record

STUDY = "{name: small, data: ml-100k, arms: {reverse: kl.reverse}, replicates: 1, diagnostics: off}\n"


@pytest.fixture
def plan(tmp_path: Path) -> Plan:
    path = tmp_path / "small.yaml"
    path.write_text(STUDY, encoding="utf-8")
    return make_plan(load_study(path, catalogue=CATALOGUE))


class AllEndAtOnce(MadeExecutor):
    """Cells are over as soon as they are handed out; then Ctrl-C comes."""

    def submit(self, task: CellTask) -> Future[CellResult | CellFailure]:
        self.ran.append((task.cell.row, task.cell.replicate))
        if len(self.ran) > 2:
            raise KeyboardInterrupt
        future: Future[CellResult | CellFailure] = Future()
        future.set_result(CellResult(record=made_record(task.key, 0.1)))
        return future


def test_after_ctrl_c_the_cells_that_have_ended_are_taken_in_before_the_workers_stop(
    plan: Plan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dispatcher = dispatcher_of(plan, tmp_path, mode_of(plan.study).schedule(plan))

    @contextmanager
    def executing(where: Where) -> Iterator[MadeExecutor]:
        yield AllEndAtOnce(lambda arms, replicate: 0.1, slots=3)

    monkeypatch.setattr(coordinator, "executing", executing)
    assert coordinator._dispatched(dispatcher, Where())
    assert dispatcher.n_run == 2
    assert len(list(dispatcher.folder.records.keys())) == 2


def test_a_cell_whose_taking_in_is_interrupted_is_taken_in_afterwards(
    plan: Plan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dispatcher = dispatcher_of(plan, tmp_path, mode_of(plan.study).schedule(plan))
    store = type(dispatcher.folder.records)
    write, asked = store.write, [KeyboardInterrupt()]

    def interrupted(self: Any, record: Any) -> None:
        if asked:
            raise asked.pop()
        write(self, record)

    monkeypatch.setattr(store, "write", interrupted)
    with pytest.raises(KeyboardInterrupt):
        dispatcher.run(MadeExecutor(lambda arms, replicate: 0.1, slots=1))
    time.sleep(0.05)
    dispatcher.take_in_ended()
    assert dispatcher.n_run >= 1


def test_who_waits_for_a_lock_is_called_again_and_again(tmp_path: Path) -> None:
    """Cells that end while another study trains the backbone are taken in."""
    held, give_up, called = threading.Event(), threading.Event(), [0]

    def hold() -> None:
        with locked(tmp_path / "thing", lambda _: None):
            held.set()
            give_up.wait(10)

    def meanwhile() -> None:
        called[0] += 1
        if called[0] == 2:
            give_up.set()

    holder = threading.Thread(target=hold)
    holder.start()
    held.wait(10)
    with locked(tmp_path / "thing", lambda _: None, meanwhile=meanwhile):
        pass
    holder.join()
    assert called[0] >= 2


class Stages:
    """Shared stages whose files another process builds, or that cannot be built."""

    def __init__(self, build: Callable[[Callable[[], None]], Any]) -> None:
        self._built = build

    def spec_of(self, wanted: BackboneRef) -> Any:
        return DEFAULT

    def is_built(self, wanted: BackboneRef) -> bool:
        return False

    def build(self, wanted: BackboneRef, progress: Any, tell: Any, meanwhile: Callable[[], None]) -> Any:
        return self._built(meanwhile)


def test_waiting_for_another_process_is_no_time_of_a_backbone() -> None:
    def waits(meanwhile: Callable[[], None]) -> str:
        time.sleep(0.1)
        meanwhile()
        return "files"

    called: list[int] = []
    stages: Any = Stages(waits)
    built = build_backbone(stages, Counting(), BackboneRef(0), lambda: called.append(1))
    assert called == [1]
    assert built.seconds < 0.05


def test_a_backbone_that_cannot_be_trained_is_not_called_ready() -> None:
    def fails(meanwhile: Callable[[], None]) -> None:
        raise InputError("too few users\nmore")

    display, stages = Counting(), Stages(fails)
    built = build_backbone(stages, display, BackboneRef(0), lambda: None)  # pyright: ignore[reportArgumentType]
    assert (built.shared, built.why) == (None, "too few users\nmore")
    assert display.messages == ["backbone 0: failed: too few users"]


@pytest.mark.parametrize("problem", [EnvironmentProblem("the disk is full"), OSError(28, "x"), RuntimeError("no GPU")])
def test_a_failure_of_measuring_ties_is_a_note(problem: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(stages: object, tell: object) -> None:
        raise problem

    monkeypatch.setattr(coordinator, "measure_ties", fails)
    display, stages = Counting(), Stages(lambda _: None)
    assert coordinator._measured_ties(stages, display)  # pyright: ignore[reportArgumentType]
    (line,) = display.messages
    assert line.startswith("tied timestamps: effect not measured (")


def test_ctrl_c_while_ties_are_measured_counts_as_an_interrupt(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(stages: object, tell: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(coordinator, "measure_ties", interrupted)
    assert not coordinator._measured_ties(Stages(lambda _: None), Counting())  # pyright: ignore[reportArgumentType]


def test_a_path_object_in_sys_path_does_not_stop_the_workers(monkeypatch: pytest.MonkeyPatch) -> None:
    import os
    import sys

    monkeypatch.setattr(sys, "path", [*sys.path, Path("/nowhere")])
    pool = WorkerPool(1)
    try:
        assert pool.submit(os.getpid).result(30) != os.getpid()
    finally:
        pool.close()
