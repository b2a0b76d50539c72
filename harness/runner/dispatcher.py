"""The dispatcher: submits cells to the executor, writes their records and evidence, then notifies observers."""

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
"""Cells submitted per slot of the executor: one running, one queued. Other cells are not trials yet."""

MOST_DEATHS = 3
"""Number of lost workers after which a cell is marked failed, so it is tried again at most twice."""

POLL_S = 0.25
"""Interval at which progress files are read while cells run, in seconds."""

RUN_OTHERWISE = (
    "a rerun for the diagnosis gave different ranks than the record holds; the record is kept without evidence; "
    "delete it to run the cell again"
)


@dataclass(slots=True, kw_only=True)
class CellDispatcher:
    """Runs the cells that a schedule names, each record key once.

    Attributes:
        plan: the study's plan.
        schedule: names the cells to run next.
        folder: where records are written.
        stages: builds what cells share.
        keys: content addresses.
        display: receives every event.
        observer: receives the events of every cell, such as Optuna's mirror.
        provenance: versions, machine and commit, for every record.
        check: called often; raises KeyboardInterrupt if Python dropped an earlier Ctrl-C.
        told_complete: called when another replicate is complete and cells are left.
        finished: record key -> record, found or made.
        diagnosed: keys of the evidence that exists.
        failures: cell -> why it has no record, or no evidence.
        made: records of this run.
        trained: backbone, epochs and seconds of each training that began at the first epoch.
        seconds: duration of :meth:`run`.
        start: shortest time that a worker took to start, in seconds; infinite before a worker's first cell has ended.
        n_reused, n_run, n_again: records that existed, that were made, and that existed but ran again for evidence.
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
        """The folder of progress files; each attempt of a cell writes its own file."""
        return self.folder.path / ".progress"

    def take_up(self) -> bool:
        """Take new cells from the schedule, give it their existing records, and return whether any cell waits."""
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
        """The cell's record; None if the record or its evidence is still missing."""
        return None if self.missing(cell) is not None else self.finished.get(self.keys.record(cell))

    def missing(self, cell: Cell) -> DiagnosisTask | None:
        """The evidence that the cell still has to measure; None if there is none."""
        task = self.keys.diagnosis(cell)
        return task if task is not None and task.key not in self.diagnosed else None

    def ranked(self) -> dict[CellName, RunRecord]:
        """The records of the named cells, by cell name; cells without a record are left out."""
        return self._records_of(tuple(self.cells.values()))

    def run(self, executor: Executor) -> None:
        """Run cells until the schedule names no more.

        As soon as a slot has no cell, the next backbone trains in this process, on the threads of the shared stages.
        There may then be more threads than processors; waiting for the last cells would leave processors idle longer.
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
        """Save the cells that have ended by now; called after Ctrl-C, before the workers are stopped."""
        for future in [each for each in self._running if each.done()]:
            self._take_in(future)

    def _poll(self, seconds: float) -> None:
        """Wait at most ``seconds`` for a cell to end, read the progress files, and take in the cells that ended."""
        self.check()
        done, _ = wait(self._running, timeout=seconds, return_when=FIRST_COMPLETED)
        for each in self._running.values():
            self._follow(each)
        self.observer.flush()
        for future in done:
            self._take_in(future)

    def _look_up(self, cells: Sequence[Cell]) -> None:
        """Read the existing records and evidence of these cells."""
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
        """Return the backbones that waiting cells still lack, in the order in which the cells will run."""
        waiting = sorted(self._waiting, key=self._turn)
        return list(dict.fromkeys(each.backbone for each in waiting if each.backbone not in self._shared))

    def _build(self, wanted: BackboneRef, executor: Executor) -> None:
        """Build a backbone and its encodings while cells on other backbones run; its cells fail if that fails."""

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
        """Call ``told_complete`` if another replicate is complete and cells are left."""
        news = self._completion.news(self.schedule.replicates(), self.cells)
        if news and (self._waiting or self._running or not self.schedule.named_all) and self.ranked():
            self.told_complete()

    def _hand_out(self, executor: Executor) -> None:
        """Submit the next cells whose backbone is built; hold back a cell whose record key is already running."""
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
        """Sort key of waiting cells: replicates in turn; within each, the rows that have taken longest come first.

        A long cell that starts last would leave all workers but one idle.
        """
        return cell.replicate, -self._seconds_of.get(cell.row, 0.0)

    def _follow(self, running: RunningCell) -> None:
        for point in running.new_points():
            if point.epoch == 0:
                self.display.started(running.task.cell)
            self.display.epoch(running.task.cell, point)
            self.observer.epoch(running.task.key, point)

    def _take_in(self, future: Future[Outcome]) -> None:
        """Write the record, then notify the observer, so that every announced record can be read.

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
        """Put a cell that lost its worker at the head of the queue; the observer receives the reason."""
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
