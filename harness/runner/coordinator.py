"""The one process that owns a study: it plans, hands out cells, receives records and writes them."""

from __future__ import annotations

import shutil
import time
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from harness.backbones.base import Backbone
from harness.backbones.registry import DEFAULT
from harness.data.sources import load
from harness.errors import InputError
from harness.files import sweep
from harness.modes.plan import Plan
from harness.modes.planning import make_plan
from harness.modes.schedule import Schedule
from harness.provenance import here
from harness.results.folder import StudyFolder
from harness.results.record import ranks_digest
from harness.runner.dispatcher import CellDispatcher
from harness.runner.executors.executor import Where, executing
from harness.runner.keys import Keys
from harness.runner.modes import opened
from harness.runner.optuna.damage import set_aside_if_damaged
from harness.runner.optuna.storage import Storage
from harness.runner.optuna.storage_claim import claimed
from harness.runner.optuna.trials import study_name
from harness.runner.outcome import manifest_of
from harness.runner.ownership import owned
from harness.runner.progress import Display
from harness.runner.shared import SharedStages
from harness.stopping import stoppable
from harness.study.study import Study


@dataclass(frozen=True, slots=True, kw_only=True)
class RunOptions:
    """How to run a study, none of which changes a rank.

    Attributes:
        out: folder of all studies; this one's is ``out/slug``.
        workers: processes on this machine, one thread each.
        executor: where the cells run, ``local`` or ``ray``.
        address: of a running Ray cluster; None: Ray on this machine alone.
        gpus_per_cell: GPUs that Ray reserves for a cell.
        storage: Optuna storage URL; None: SQLite in the study's folder.
        data_dir: folder of named data sets; None: the user's cache folder.
        command: the command line as typed, for the report.
    """

    out: Path
    workers: int
    executor: Literal["local", "ray"] = "local"
    address: str | None = None
    gpus_per_cell: float = 0.0
    storage: str | None = None
    data_dir: Path | None = None
    command: str = ""

    def where(self) -> Where:
        """Which executor that is.

        Raises:
            harness.errors.FtrError: these options contradict each other, or Ray is not installed.
        """
        return Where(
            executor=self.executor, workers=self.workers, address=self.address, gpus_per_cell=self.gpus_per_cell
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class RunOutcome:
    """What a run of a study did.

    Attributes:
        folder: the study's files.
        n_run, n_reused, n_failed: cells.
        n_again: those of the reused ones that ran again for evidence that had not been measured.
        ranks: digest of every rank of the study; equal wherever and however its cells ran.
        interrupted: ended by Ctrl-C; what is finished is safe.
        seconds: wall time.
    """

    folder: StudyFolder
    n_run: int
    n_reused: int
    n_failed: int
    n_again: int
    ranks: str
    interrupted: bool
    seconds: float


def run_study(study: Study, options: RunOptions, display: Display, *, spec: Backbone = DEFAULT) -> RunOutcome:
    """Run every cell of the study that has no record yet, on backbones trained by ``spec``.

    Raises:
        harness.errors.InputError: the study or its data cannot be used.
        EnvironmentProblem: another process runs the study, or the machine stands in the way.
    """
    began = time.monotonic()
    where = options.where()
    plan = make_plan(study)
    where.check_device(plan.device)
    folder = StudyFolder(options.out / study.slug)
    with display.showing():
        display.message(f"reading {study.data.source}")
        data = load(study.data, options.data_dir, progress=display.message)
        stages = SharedStages.of(study, data, data_dir=options.data_dir, folder=options.out / ".cache", spec=spec)
        mirror = (folder.path / "optuna.db").resolve()
        url = f"sqlite:///{mirror}" if options.storage is None else options.storage
        if options.storage is None and "?" in str(mirror):
            raise InputError(f"{mirror}: a database's URL cannot hold the ? of this folder; choose another with --out")
        with owned(folder), claimed(url, study_name(study.slug, study.primary)) as claim:
            for place in (folder.path, folder.records.folder):
                sweep(place)
            if options.storage is None:
                set_aside_if_damaged(mirror)
            storage = Storage(url, claim=claim, tell=display.message, rebuilt=options.storage is None)
            with closing(storage):
                return _run_owned(plan, folder, options, where, display, stages, storage, began)


def _run_owned(
    plan: Plan,
    folder: StudyFolder,
    options: RunOptions,
    where: Where,
    display: Display,
    stages: SharedStages,
    storage: Storage,
    began: float,
) -> RunOutcome:
    folder.write_users(stages.users())
    keys = Keys(plan, stages)
    schedule, book = opened(plan, storage=storage)
    dispatcher = CellDispatcher(
        schedule=schedule,
        folder=folder,
        stages=stages,
        keys=keys,
        display=display,
        book=book,
        budget=plan.budget(),
        provenance={**here(), "study_seed": plan.study.seed},
    )
    interrupted = False
    try:
        shutil.rmtree(dispatcher.progress_folder, ignore_errors=True)
        dispatcher.progress_folder.mkdir()
        with stoppable() as dispatcher.check, executing(where) as executor:
            dispatcher.run(executor)
    except KeyboardInterrupt:
        interrupted = True
    outcome = RunOutcome(
        folder=folder,
        n_run=dispatcher.n_run,
        n_reused=dispatcher.n_reused,
        n_failed=len(dispatcher.failures),
        n_again=dispatcher.n_again,
        ranks=ranks_digest(dispatcher.ranked()),
        interrupted=interrupted,
        seconds=time.monotonic() - began,
    )
    folder.write_manifest(manifest_of(plan, dispatcher, provenance=_provenance(plan, keys, options, outcome, schedule)))
    return outcome


def _provenance(plan: Plan, keys: Keys, options: RunOptions, outcome: RunOutcome, schedule: Schedule) -> dict[str, Any]:
    return {
        "command": options.command,
        **here(),
        "finished": datetime.now(UTC).isoformat(timespec="seconds"),
        "seconds": outcome.seconds,
        "n_run": outcome.n_run,
        "n_reused": outcome.n_reused,
        "executor": options.executor,
        "workers": options.workers,
        "device": plan.device,
        "backbones": {
            str(replicate): keys.backbone(plan.backbone_replicate(replicate)) for replicate in schedule.replicates()
        },
    }
