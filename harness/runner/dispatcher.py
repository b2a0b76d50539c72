"""The dispatcher: cells go to the executor, their records and evidence to the disk, then observers are told."""

from __future__ import annotations

import math
import time
import uuid
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from harness.backbones.base import Backbone
from harness.modes.plan import BackboneRef, Cell, CellName, Plan, name_of
from harness.modes.schedule import Schedule
from harness.results.evidence import DiagnosisTask
from harness.results.folder import StudyFolder
from harness.results.record import RunRecord, same_ranks
from harness.runner.building import build_backbone
from harness.runner.executors.base import Executor, Outcome, how_it_ended
from harness.runner.keys import Keys
from harness.runner.progress import Display
from harness.runner.running import CellObserver, Completion, RunningCell
from harness.runner.shared import SharedStages
from harness.runner.tasks import CellFailure, CellResult, CellTask, SharedFiles
from harness.stopping import nothing

AHEAD = 2
"""Cells handed to the executor per slot: one runs, one waits, the rest are not yet trials."""

MOST_DEATHS = 3
"""How often a cell may lose its worker before it is marked failed: it is tried twice more."""

POLL_S = 0.25
"""How often progress files are read while cells run, in seconds."""

RUN_OTHERWISE = (
    "a rerun for the diagnosis gave different ranks than the record holds; the record is kept without evidence; "
    "delete it to run the cell again"
)


@dataclass(slots=True, kw_only=True)
class CellDispatcher:
    """Runs what a schedule names, each record key once.

    Attributes:
        plan: of the study.
        schedule: what runs next.
        folder: where records go.
        stages: builds what cells share.
        keys: content addresses.
        display: told of everything.
        observer: told of every cell, such as Optuna's mirror.
        provenance: what every record says of versions, machine and commit.
        check: called often; raises KeyboardInterrupt where Ctrl-C was pressed and lost.
        told_complete: called once another replicate has ended, as long as cells are left.
        finished: record key -> record, found or made.
        diagnosed: keys of the evidence that is there.
        failures: why a cell has no record, or no evidence.
        made: records of this run.
        trained: what was trained, epochs and seconds of each backbone that was trained from its first epoch.
        seconds: that :meth:`run` took.
        start: seconds that a worker took before its first cell; infinite where none has ended.
        n_reused, n_run, n_again: distinct records that were there, were made, and were there but ran for evidence.
    """

    plan: Plan
    schedule: Schedule
    folder: StudyFolder
    stages: SharedStages
    keys: Keys
    display: Display
    observer: CellObserver
    provenance: Mapping[str, Any]
    check: Callable[[], None] = nothing
    told_complete: Callable[[], None] = nothing
    finished: dict[str, RunRecord] = field(default_factory=dict)
    diagnosed: set[str] = field(default_factory=set)
    failures: dict[CellName, str] = field(default_factory=dict)
    cells: dict[CellName, Cell] = field(default_factory=dict)
    made: list[RunRecord] = field(default_factory=list)
    trained: list[tuple[Backbone, int, float]] = field(default_factory=list)
    seconds: float = 0.0
    start: float = math.inf
    n_reused: int = 0
    n_run: int = 0
    n_again: int = 0
    _waiting: list[Cell] = field(default_factory=list)
    _running: dict[Future[Outcome], RunningCell] = field(default_factory=dict)
    _shared: dict[BackboneRef, SharedFiles] = field(default_factory=dict)
    _n_submitted: int = 0
    _deaths: Counter[str] = field(default_factory=Counter)
    _seconds_of: dict[str, float] = field(default_factory=dict)
    _completion: Completion = field(default_factory=Completion)

    @property
    def progress_folder(self) -> Path:
        """Where running cells tell how far they are, each attempt in a file of its own."""
        return self.folder.path / ".progress"

    def take_up(self) -> bool:
        """Ask the schedule, and give it what is there already; whether a cell waits."""
        while named := self.schedule.ready():
            self._look_up(named)
            todo: list[Cell] = []
            for cell in named:
                record = self.settled(cell)
                if record is None:
                    todo.append(cell)
                else:
                    self._completion.ended.add(name_of(cell))
                    self.schedule.finished(cell, record)
            self._waiting += todo
            self.display.named(named)
            self.display.planned(todo, self._records_of(named))
            self.display.backbones(sum(not self.stages.is_built(each) for each in self._unbuilt()))
        self._tell_complete()
        return bool(self._waiting)

    def settled(self, cell: Cell) -> RunRecord | None:
        """The record of a cell that owes nothing more."""
        return None if self.missing(cell) is not None else self.finished.get(self.keys.record(cell))

    def missing(self, cell: Cell) -> DiagnosisTask | None:
        """The evidence that the cell still owes."""
        task = self.keys.diagnosis(cell)
        return task if task is not None and task.key not in self.diagnosed else None

    def ranked(self) -> dict[CellName, RunRecord]:
        """The record of every cell that was named and has one."""
        return self._records_of(tuple(self.cells.values()))

    def run(self, executor: Executor) -> None:
        """Until the schedule names no more.

        A backbone trains here, on the threads of the shared stages, as soon as a slot has no cell: for a while there
        may be more threads than processors. Waiting for the last cells would leave processors without work for longer.
        """
        began = time.monotonic()
        while self._running or self.take_up():
            self._hand_out(executor)
            while (unbuilt := self._unbuilt()) and (
                len(self._running) < executor.slots or self.stages.is_built(unbuilt[0])
            ):
                self._build(unbuilt[0], executor)
                self._hand_out(executor)
            self._poll(POLL_S)
            self.take_up()
        self.observer.settle()
        self.seconds = time.monotonic() - began

    def take_in_ended(self) -> None:
        """Take in the cells that have ended by now: after Ctrl-C, before the workers are stopped."""
        for future in [each for each in self._running if each.done()]:
            self._take_in(future)

    def _poll(self, seconds: float) -> None:
        """Take in what has ended, after waiting for it as long as that."""
        self.check()
        done, _ = wait(self._running, timeout=seconds, return_when=FIRST_COMPLETED)
        for each in self._running.values():
            self._follow(each)
        self.observer.flush()
        for future in done:
            self._take_in(future)

    def _look_up(self, cells: Sequence[Cell]) -> None:
        """Read the records and the evidence of these cells that exist."""
        present = self.folder.records.keys()
        for cell in cells:
            self.cells[name_of(cell)] = cell
            key = self.keys.record(cell)
            if key not in self.finished:
                record = self.folder.records.read(key) if key in present else None
                if record is not None:
                    self.finished[key] = record
                    self.n_reused += 1
                    self.observer.reused(cell, record)
            task = self.missing(cell)
            if task is not None and self.folder.diagnoses.read(task.key) is not None:
                self.diagnosed.add(task.key)

    def _records_of(self, cells: Sequence[Cell]) -> dict[CellName, RunRecord]:
        return {name_of(cell): record for cell in cells if (record := self.finished.get(self.keys.record(cell)))}

    def _unbuilt(self) -> list[BackboneRef]:
        """Backbones that waiting cells need and do not have, those of the first cells first."""
        waiting = sorted(self._waiting, key=self._turn)
        return list(dict.fromkeys(each.backbone for each in waiting if each.backbone not in self._shared))

    def _build(self, wanted: BackboneRef, executor: Executor) -> None:
        """A backbone and its encodings; cells on others run meanwhile."""

        def meanwhile() -> None:
            self._poll(0.0)
            self._hand_out(executor)
            self._tell_complete()

        built = build_backbone(self.stages, self.display, wanted, meanwhile)
        if built.shared is not None:
            self._shared[wanted] = built.shared
        else:
            without = [cell for cell in self._waiting if cell.backbone == wanted]
            self._waiting = [cell for cell in self._waiting if cell.backbone != wanted]
            for cell in without:
                self._fail(cell, f"backbone {wanted}: {built.why}")
        if built.epochs:
            self.trained.append((built.spec, built.epochs, built.seconds))

    def _tell_complete(self) -> None:
        """Tell of another replicate that is complete, as long as other cells are left."""
        news = self._completion.news(self.schedule.replicates(), self.cells)
        if news and (self._waiting or self._running or not self.schedule.named_all) and self.ranked():
            self.told_complete()

    def _hand_out(self, executor: Executor) -> None:
        """Give the executor the next cells that have their backbone; one whose record is being made waits for it."""
        held: list[Cell] = []
        busy = {each.task.key for each in self._running.values()}
        n_ahead = AHEAD * executor.slots
        self._waiting.sort(key=self._turn)
        while self._waiting and len(self._running) < n_ahead:
            cell = self._waiting.pop(0)
            record = self.settled(cell)
            if record is not None:
                self._completion.ended.add(name_of(cell))
                self.schedule.finished(cell, record)
            elif cell.backbone not in self._shared or self.keys.record(cell) in busy:
                held.append(cell)
            else:
                task = self._task(cell)
                busy.add(task.key)
                self.observer.started(task.key, cell)
                began = time.monotonic() if self._n_submitted < executor.slots else None
                self._n_submitted += 1
                self._running[executor.submit(task)] = RunningCell(task=task, began=began)
        self._waiting[:0] = held

    def _turn(self, cell: Cell) -> tuple[int, float]:
        """Replicates in turn, in each the rows that took longest before first.

        A long cell that came last would leave all workers but one without work.
        """
        return cell.replicate, -self._seconds_of.get(cell.row, 0.0)

    def _follow(self, running: RunningCell) -> None:
        for point in running.new_points():
            if point.epoch == 0:
                self.display.started(running.task.cell)
            self.display.epoch(running.task.cell, point)
            self.observer.epoch(running.task.key, point)

    def _take_in(self, future: Future[Outcome]) -> None:
        """Write the record first, then tell the observer: what is told is always there to be read.

        The cell counts as running until its record is written, so that Ctrl-C at any moment does not lose it.
        """
        ran = self._running[future]
        cell, key = ran.task.cell, ran.task.key
        before = self.finished.get(key)
        death = future.exception()
        self._deaths[key] += death is not None
        if death is not None and self._deaths[key] < MOST_DEATHS:
            del self._running[future]
            self._try_again(cell, how_it_ended(death))
            return
        result = CellFailure(reason=how_it_ended(death)) if death is not None else future.result()
        if isinstance(result, CellResult) and before is not None and not same_ranks(before, result.record):
            result = CellFailure(reason=f"{RUN_OTHERWISE} (record {key})")
        if isinstance(result, CellFailure):
            del self._running[future]
            self.observer.failed(key, result.reason)
            self._fail(cell, result.reason)
            return
        if result.diagnosis is not None:
            self.folder.diagnoses.write(result.diagnosis)
            self.diagnosed.add(result.diagnosis.key)
        if before is None:
            self.folder.records.write(result.record)
            self.finished[key] = result.record
            self._seconds_of[cell.row] = result.record.seconds["total"]
            self.made.append(result.record)
            self.n_run += 1
        else:
            self.n_again += 1
        del self._running[future]
        self.start = min(self.start, ran.start(result.record))
        self.observer.finished(self.finished[key])
        self.display.finished(cell, result.record)
        self._completion.ended.add(name_of(cell))
        self.schedule.finished(cell, self.finished[key])

    def _try_again(self, cell: Cell, why: str) -> None:
        """Put a cell that lost its worker at the head of the queue; its trial says what happened."""
        self.display.message(f"{cell.row} replicate {cell.replicate}: {why}; trying again")
        self.observer.failed(self.keys.record(cell), f"{why}; tried again")
        self._waiting.insert(0, cell)

    def _fail(self, cell: Cell, why: str) -> None:
        self.failures[name_of(cell)] = why
        self._completion.ended.add(name_of(cell))
        self.display.failed(cell, why)
        self.schedule.failed(cell, why)

    def _task(self, cell: Cell) -> CellTask:
        key, shared = self.keys.record(cell), self._shared[cell.backbone]
        return CellTask(
            key=key,
            cell=cell,
            shared=shared,
            budget=self.plan.study.budget,
            progress_file=self.progress_folder / f"{key}-{uuid.uuid4().hex[:8]}.jsonl",
            diagnosis=self.missing(cell),
            more_metrics=(self.plan.study.primary,),
            provenance={**self.provenance, **shared.told()},
        )
