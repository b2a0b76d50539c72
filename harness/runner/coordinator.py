"""The one process that owns a study: it plans, hands out cells, receives records and writes them."""

from __future__ import annotations

import shutil
import time
import uuid
from collections.abc import Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.backbone.spec import DEFAULT, BackboneSpec
from harness.data.sources import load
from harness.diagnostics.evidence import DiagnosisTask
from harness.errors import InputError
from harness.manifest import StudyFolder
from harness.plan import Cell, Plan, make_plan
from harness.provenance import git_commit, machine, package_versions
from harness.records import RunRecord, same_ranks
from harness.runner.display import Display
from harness.runner.executors import Executor, LocalExecutor
from harness.runner.keys import CellName, cell_keys, diagnosis_tasks
from harness.runner.outcome import manifest_of
from harness.runner.ownership import owned
from harness.runner.running import RunningCell, how_it_ended
from harness.runner.shared import SharedStages
from harness.runner.tasks import CellFailure, CellResult, CellTask, SharedFiles
from harness.runner.trials import TrialBook
from harness.study import Study

if TYPE_CHECKING:
    from harness.backbone.checkpoint import EpochFigures

AHEAD = 2
"""Cells handed to the executor per worker: one runs, one waits, the rest are not yet trials."""

RUN_OTHERWISE = (
    "run again for its diagnosis, the cell gave other ranks than its record holds; the record stands, without "
    "evidence: delete it to run the cell anew"
)

POLL_S = 0.25
"""How often progress files are read while cells run, in seconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunOptions:
    """How to run a study, none of which changes a rank.

    Attributes:
        out: folder of all studies; this one's is ``out/slug``.
        workers: processes, one thread each.
        storage: Optuna storage URL; None: SQLite in the study's folder.
        data_dir: folder of named data sets; None: the user's cache folder.
        command: the command line as typed, for the report.
    """

    out: Path
    workers: int
    storage: str | None = None
    data_dir: Path | None = None
    command: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunOutcome:
    """What a run of a study did.

    Attributes:
        folder: the study's files.
        n_run, n_reused, n_failed: cells.
        n_again: those of the reused ones that ran again for evidence that had not been measured.
        interrupted: ended by Ctrl-C; what is finished is safe.
        seconds: wall time.
    """

    folder: StudyFolder
    n_run: int
    n_reused: int
    n_failed: int
    n_again: int
    interrupted: bool
    seconds: float


def run_study(study: Study, options: RunOptions, display: Display, *, spec: BackboneSpec = DEFAULT) -> RunOutcome:
    """Run every cell of the study that has no record yet, on backbones trained by ``spec``.

    Raises:
        harness.errors.InputError: the study or its data cannot be used.
        EnvironmentProblem: another process runs the study, or the machine stands in the way.
    """
    began = time.monotonic()
    plan = make_plan(study)
    folder = StudyFolder(options.out / study.slug)
    with display.showing():
        display.message(f"reading {study.data.source}")
        data = load(study.data, options.data_dir, progress=display.message)
        stages = SharedStages.of(study, data, data_dir=options.data_dir, folder=options.out / ".cache", spec=spec)
        with owned(folder):
            run = _StudyRun(plan=plan, folder=folder, options=options, display=display, stages=stages)
            return run.run(began)


@dataclass(slots=True, kw_only=True)
class _StudyRun:
    plan: Plan
    folder: StudyFolder
    options: RunOptions
    display: Display
    stages: SharedStages
    keys: dict[CellName, str] = field(default_factory=dict)
    asked: dict[CellName, DiagnosisTask] = field(default_factory=dict)
    finished: dict[str, RunRecord] = field(default_factory=dict)
    diagnosed: set[str] = field(default_factory=set)
    again: int = 0
    failures: dict[CellName, str] = field(default_factory=dict)

    def run(self, began: float) -> RunOutcome:
        cells = self.plan.cells()
        self.keys = cell_keys(self.plan, self.stages)
        for key in set(self.keys.values()):
            record = self.folder.records.read(key)
            if record is not None:
                self.finished[key] = record
        reused = len(self.finished)
        self.asked = diagnosis_tasks(self.plan, self.keys)
        self.diagnosed = {task.key for task in self.asked.values() if self.folder.diagnoses.read(task.key) is not None}
        todo = [cell for cell in cells if self.key(cell) not in self.finished or self.missing(cell)]
        self.folder.write_users(self.stages.users())
        interrupted = False
        try:
            book = self.open_book(cells)
            shared = self.build_shared(todo)
            todo = [cell for cell in todo if cell.backbone_replicate in shared]
            self.display.planned(todo, self.reused_records(cells))
            self.run_cells(book, todo, shared)
        except KeyboardInterrupt:
            interrupted = True
        outcome = RunOutcome(
            folder=self.folder,
            n_run=len(self.finished) - reused,
            n_reused=reused,
            n_failed=len(self.failures),
            n_again=self.again,
            interrupted=interrupted,
            seconds=time.monotonic() - began,
        )
        self.folder.write_manifest(
            manifest_of(
                self.plan,
                self.stages.data,
                keys=self.keys,
                finished=self.finished,
                diagnoses={name: task.key for name, task in self.asked.items() if task.key in self.diagnosed},
                failures=self.failures,
                provenance=self.provenance(outcome),
            )
        )
        return outcome

    @property
    def progress_folder(self) -> Path:
        """Where running cells tell how far they are, each attempt in a file of its own."""
        return self.folder.path / ".progress"

    def key(self, cell: Cell) -> str:
        return self.keys[cell.row, cell.replicate]

    def missing(self, cell: Cell) -> DiagnosisTask | None:
        """The evidence that the cell still owes."""
        task = self.asked.get((cell.row, cell.replicate))
        return task if task is not None and task.key not in self.diagnosed else None

    def build_shared(self, todo: Sequence[Cell]) -> dict[int, SharedFiles]:
        """Backbones and encodings of the replicates that still have cells to run."""
        built: dict[int, SharedFiles] = {}
        for replicate in sorted({cell.backbone_replicate for cell in todo}):

            def progress(epoch: int, epochs: int, figures: EpochFigures, replicate: int = replicate) -> None:
                metric = self.plan.study.primary
                self.display.message(
                    f"backbone {replicate}: epoch {epoch} of at most {epochs}, loss {figures.loss:.4f}, "
                    f"valid {metric} {figures.valid[metric]:.4f}"
                )

            began = time.monotonic()
            try:
                built[replicate] = self.stages.build(replicate, progress, self.display.message)
            except InputError as problem:
                self.fail_replicate(replicate, todo, f"backbone {replicate}: {problem}")
                continue
            self.display.message(f"backbone {replicate}: ready after {time.monotonic() - began:.0f} s")
        return built

    def fail_replicate(self, replicate: int, todo: Sequence[Cell], why: str) -> None:
        """A backbone that cannot be trained fails the cells that wait for it; the other replicates go on."""
        for cell in todo:
            if cell.backbone_replicate == replicate:
                self.failures[cell.row, cell.replicate] = why
                self.display.failed(cell, why)

    def reused_records(self, cells: Sequence[Cell]) -> dict[CellName, RunRecord]:
        """Records that were there before this run, by cell."""
        return {
            (cell.row, cell.replicate): self.finished[self.key(cell)]
            for cell in cells
            if self.key(cell) in self.finished
        }

    def open_book(self, cells: Sequence[Cell]) -> TrialBook:
        """The Optuna study, with a trial for every record that it does not know yet."""
        study = self.plan.study
        book = TrialBook(
            name=study.slug,
            storage=self.options.storage or f"sqlite:///{(self.folder.path / 'optuna.db').resolve()}",
            primary=study.primary,
        )
        entered = book.finished_keys()
        for cell in cells:
            record = self.finished.get(self.key(cell))
            if record is not None and record.key not in entered:
                book.add_reused(record, self.attributes(cell))
        return book

    def run_cells(self, book: TrialBook, todo: Sequence[Cell], shared: Mapping[int, SharedFiles]) -> None:
        """Hand out the cells and take in their records, a few ahead of the workers."""
        if not todo:
            return
        shutil.rmtree(self.progress_folder, ignore_errors=True)
        self.progress_folder.mkdir()
        executor = LocalExecutor(min(self.options.workers, len(todo)))
        try:
            self.exchange(executor, book, todo, shared)
        except BaseException:
            executor.stop()
            raise
        executor.close()

    def exchange(
        self, executor: Executor, book: TrialBook, todo: Sequence[Cell], shared: Mapping[int, SharedFiles]
    ) -> None:
        waiting = list(reversed(todo))
        running: dict[Future[CellResult | CellFailure], RunningCell] = {}
        while waiting or running:
            while waiting and len(running) < AHEAD * self.options.workers:
                cell = waiting.pop()
                task = self.task(cell, shared[cell.backbone_replicate])
                if task.key not in self.finished:
                    book.start(task.key, self.attributes(cell))
                running[executor.submit(task)] = RunningCell(cell=cell, task=task)
            done, _ = wait(running, timeout=POLL_S, return_when=FIRST_COMPLETED)
            for each in running.values():
                for point in each.new_points():
                    if point.epoch == 0:
                        self.display.started(each.cell)
                    self.display.epoch(each.cell, point)
                    if each.task.key not in self.finished:
                        book.epoch(each.task.key, point)
            for future in done:
                self.take_in(future, running.pop(future), book)

    def take_in(self, future: Future[CellResult | CellFailure], ran: RunningCell, book: TrialBook) -> None:
        """Write the record first, then tell Optuna: what is told is always there to be read."""
        cell, key = ran.cell, ran.task.key
        before = self.finished.get(key)
        death = future.exception()
        result = CellFailure(reason=how_it_ended(death)) if death is not None else future.result()
        if isinstance(result, CellResult) and before is not None and not same_ranks(before, result.record):
            result = CellFailure(reason=f"{RUN_OTHERWISE} (record {key})")
        if isinstance(result, CellFailure):
            self.failures[cell.row, cell.replicate] = result.reason
            if before is None:
                book.fail(key, result.reason)
            self.display.failed(cell, result.reason)
            return
        if result.diagnosis is not None:
            self.folder.diagnoses.write(result.diagnosis)
            self.diagnosed.add(result.diagnosis.key)
        if before is None:
            self.folder.records.write(result.record)
            self.finished[key] = result.record
            book.finish(result.record)
        else:
            self.again += 1
        self.display.finished(cell, result.record)

    def task(self, cell: Cell, shared: SharedFiles) -> CellTask:
        key = self.key(cell)
        return CellTask(
            key=key,
            cell=cell,
            shared=shared,
            budget=self.plan.budget(),
            progress_file=self.progress_folder / f"{key}-{uuid.uuid4().hex[:8]}.jsonl",
            diagnosis=self.missing(cell),
            provenance={
                "versions": package_versions(),
                "machine": machine(),
                "git": git_commit(),
                "fingerprint": shared.fingerprint,
                "backbone": shared.backbone.stem,
                "study_seed": self.plan.study.seed,
            },
        )

    def attributes(self, cell: Cell) -> dict[str, str | int]:
        return {"arm": cell.row, "replicate": cell.replicate}

    def provenance(self, outcome: RunOutcome) -> dict[str, Any]:
        return {
            "command": self.options.command,
            "versions": package_versions(),
            "machine": machine(),
            "git": git_commit(),
            "finished": datetime.now(UTC).isoformat(timespec="seconds"),
            "seconds": outcome.seconds,
            "n_run": outcome.n_run,
            "n_reused": outcome.n_reused,
            "workers": self.options.workers,
            "backbones": {
                str(replicate): self.stages.backbone_key(self.plan.backbone_replicate(replicate))
                for replicate in range(self.plan.study.replicates)
            },
        }
