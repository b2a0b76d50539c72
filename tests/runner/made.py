"""Records that are made, not run: a world says what every stack is worth, and the real dispatcher runs the study."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np

from harness.backbones.registry import DEFAULT
from harness.engine.types.streams import Streams
from harness.modes.base import mode_of
from harness.modes.combining import JOINT
from harness.modes.plan import BackboneRef, Cell, Plan
from harness.modes.schedule import Schedule
from harness.recipe.recipe import BASE as RECIPE
from harness.results.folder import StudyFolder
from harness.results.manifest import BASE
from harness.results.record import EpochPoint, RunRecord
from harness.runner.dispatcher import CellDispatcher
from harness.runner.progress import Display
from harness.runner.tasks import CellFailure, CellResult, CellTask, SharedFiles

Worth = Callable[[frozenset[str], int], float]
"""Valid NDCG@10 of a set of arms on a replicate."""


def arms_of(row: str) -> frozenset[str]:
    """The arms of a stack's row."""
    return frozenset() if row in (BASE, "a/a") else frozenset(row.split(JOINT))


def made_record(key: str, value: float, metric: str = "ndcg@10", *, seconds: float = 1.0) -> RunRecord:
    """A record whose second epoch is chosen and has this valid figure; the first is better, the last is worse."""
    ranks = np.arange(1, 6, dtype=np.int32)
    figures = [0.0, value + 1.0, value, value - 1.0]
    return RunRecord(
        key=key,
        valid_on=ranks,
        valid_off=ranks,
        test_on=ranks,
        test_off=ranks,
        chosen_epoch=2,
        curve=tuple(
            EpochPoint(epoch=epoch, valid_on={metric: each}, valid_off={metric: 0.5})
            for epoch, each in enumerate(figures)
        ),
        seconds={"total": seconds},
    )


def cell_of(row: str, replicate: int = 0) -> Cell:
    """A cell of base's recipe under any name."""
    streams = Streams(study_seed=0, replicate=replicate)
    return Cell(row=row, replicate=replicate, recipe=RECIPE, streams=streams, backbone_replicate=replicate)


class MadeKeys:
    """Keys by row and replicate; no evidence."""

    def record(self, cell: Cell) -> str:
        return hashlib.sha256(f"{cell.row}|{cell.streams.replicate}".encode()).hexdigest()[:24]

    def diagnosis(self, cell: Cell) -> None:
        return None


@dataclass(slots=True)
class MadeStages:
    """Shared stages that are there already."""

    built: list[int] = field(default_factory=list)

    def spec_of(self, wanted: BackboneRef) -> Any:
        return DEFAULT

    def is_built(self, wanted: BackboneRef) -> bool:
        return True

    def build(self, wanted: BackboneRef, progress: Any, tell: Any, meanwhile: Any = None) -> SharedFiles:
        self.built.append(wanted.replicate)
        nowhere = Path("none")
        data: Any = None
        return SharedFiles(data=data, data_dir=None, fingerprint="f", spec=DEFAULT, backbone=nowhere, encodings=nowhere)


class Unobserved:
    """Takes every word of a cell and keeps none."""

    def __getattr__(self, name: str) -> Callable[..., None]:
        return lambda *_, **__: None


@dataclass(slots=True)
class MadeExecutor:
    """Threads that take a random moment for a cell and give the record that the world says.

    Attributes:
        broken: cells that fail.
        most: cells after which Ctrl-C comes.
        seconds: that a record of a row tells.
    """

    worth: Worth
    slots: int
    seed: int = 0
    broken: frozenset[tuple[str, int]] = frozenset()
    most: int | None = None
    seconds: Callable[[str], float] = lambda row: 1.0
    ran: list[tuple[str, int]] = field(default_factory=list)
    _pool: ThreadPoolExecutor = field(init=False)
    _rng: np.random.Generator = field(init=False)

    def __post_init__(self) -> None:
        self._pool = ThreadPoolExecutor(self.slots)
        self._rng = np.random.default_rng(self.seed)

    def submit(self, task: CellTask) -> Future[CellResult | CellFailure]:
        if self.most is not None and len(self.ran) >= self.most:
            raise KeyboardInterrupt
        self.ran.append((task.cell.row, task.cell.replicate))
        return self._pool.submit(self._attempt, task, float(self._rng.random()) * 2e-3)

    def _attempt(self, task: CellTask, seconds: float) -> CellResult | CellFailure:
        time.sleep(seconds)
        row, replicate = task.cell.row, task.cell.replicate
        if (row, replicate) in self.broken:
            return CellFailure(reason="it broke")
        worth = self.worth(arms_of(row), replicate)
        return CellResult(record=made_record(task.key, worth, seconds=self.seconds(row)))

    def close(self) -> None:
        self._pool.shutdown()

    def stop(self) -> None:
        self._pool.shutdown()


def dispatcher_of(plan: Plan, folder: Path, schedule: Schedule) -> CellDispatcher:
    """The real dispatcher of a plan, on made stages and keys."""
    home = StudyFolder(folder / plan.study.slug)
    home.path.mkdir(parents=True, exist_ok=True)
    made: Any = SimpleNamespace(stages=MadeStages(), keys=MadeKeys(), observer=Unobserved())
    dispatcher = CellDispatcher(
        plan=plan,
        schedule=schedule,
        folder=home,
        stages=made.stages,
        keys=made.keys,
        display=Display(),
        observer=made.observer,
        provenance={},
    )
    dispatcher.progress_folder.mkdir(exist_ok=True)
    return dispatcher


def run_made(plan: Plan, folder: Path, executor: MadeExecutor, schedule: Schedule | None = None) -> CellDispatcher:
    """Run a study to its end, or to Ctrl-C; by the schedule of its mode without another."""
    dispatcher = dispatcher_of(plan, folder, schedule or mode_of(plan.study).schedule(plan))
    with suppress(KeyboardInterrupt):
        dispatcher.run(executor)
    executor.close()
    return dispatcher


def settle(
    schedule: Schedule,
    worth: Worth,
    rng: np.random.Generator,
    broken: frozenset[tuple[str, int]],
    *,
    metric: str = "ndcg@10",
    most: int | None = None,
) -> list[set[tuple[str, int]]]:
    """Play a schedule without a dispatcher, each generation in a random order; the generations that it named.

    Args:
        schedule: at its beginning.
        worth: of every stack.
        rng: shuffles.
        broken: cells that fail.
        metric: the study's primary one.
        most: generations to play; all without it.
    """
    generations: list[set[tuple[str, int]]] = []
    waiting = list(schedule.ready())
    while waiting and len(generations) != most:
        generations.append({(cell.row, cell.replicate) for cell in waiting})
        while waiting:
            cell = waiting.pop(int(rng.integers(len(waiting))))
            if (cell.row, cell.replicate) in broken:
                schedule.failed(cell, "it broke")
            else:
                schedule.finished(cell, made_record("k", worth(arms_of(cell.row), cell.replicate), metric))
        waiting = list(schedule.ready())
    return generations
