"""The one process that owns a study: it plans, hands out cells, receives records and writes them."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from harness.backbones.base import Backbone
from harness.backbones.registry import DEFAULT
from harness.data.report import lines_of
from harness.errors import InputError
from harness.files import locked, refuse, sweep
from harness.modes.base import mode_of
from harness.modes.extended import earlier_ends
from harness.modes.plan import BackboneRef
from harness.modes.planning import make_plan
from harness.modes.search.settings import SearchSettings
from harness.modes.sequential import SequentialSchedule
from harness.provenance import here
from harness.results.folder import StudyFolder
from harness.results.record import ranks_digest
from harness.runner.dispatcher import CellDispatcher
from harness.runner.early import check_data, read_data
from harness.runner.executors import executing
from harness.runner.executors.base import Where
from harness.runner.keys import Keys
from harness.runner.optuna.claim import claimed
from harness.runner.optuna.damage import set_aside_if_damaged
from harness.runner.optuna.mirror import OptunaMirror, SearchMirror, study_name
from harness.runner.optuna.storage import Storage
from harness.runner.outcome import manifest_of
from harness.runner.progress import Display
from harness.runner.references.rows import References
from harness.runner.shared import SharedStages
from harness.runner.ties import measure_ties
from harness.runner.timing.estimate import estimated_costs, timings_of
from harness.runner.timing.log import TimingLog
from harness.runner.timing.probe import probed
from harness.stopping import stoppable
from harness.study.types import Study


@dataclass(frozen=True, slots=True, kw_only=True)
class RunOptions:
    """How to run a study; none of it changes a rank.

    Attributes:
        out: folder of all studies; this one's is ``out/slug``.
        where: the executor of the cells.
        storage: Optuna storage URL; None: SQLite in the study's folder.
        data_dir: folder of named data sets; None: the user's cache folder.
        command: the command line as typed, for the report.
    """

    out: Path
    where: Where = Where()
    storage: str | None = None
    data_dir: Path | None = None
    command: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyResult:
    """What a run of a study did.

    Attributes:
        folder: the study's files.
        n_run, n_reused, n_failed: number of cells.
        n_again: reused cells that ran again for evidence that had not been measured.
        n_done, n_cells: cells that have a record, and all cells of the study (an upper bound if results decide).
        ranks: digest of every rank of the study, the same wherever and however its cells ran; empty without a record.
        interrupted: whether Ctrl-C ended the run; finished cells are saved.
        seconds: wall time.
    """

    folder: StudyFolder
    n_run: int
    n_reused: int
    n_failed: int
    n_again: int
    n_done: int
    n_cells: int
    ranks: str
    interrupted: bool
    seconds: float


def no_page(folder: StudyFolder) -> None:
    """Write no page: the default of the callbacks of :func:`run_study`."""


def run_study(
    study: Study,
    options: RunOptions,
    display: Display,
    *,
    spec: Backbone = DEFAULT,
    on_replicate: Callable[[StudyFolder], None] = no_page,
    on_end: Callable[[StudyFolder], object] = no_page,
) -> StudyResult:
    """Run every cell of the study that has no record yet, on backbones trained by ``spec`` unless the study names one.

    Args:
        on_replicate: called with the folder each time another replicate is complete and cells are left; the manifest is
            already written. It must not raise.
        on_end: called with the folder at the end, interrupted or not, if any cell has a record or failed. The study is
            still locked, so that no other run can write to it while the page is written.

    Raises:
        harness.errors.InputError: the study or its data cannot be used.
        harness.errors.EnvironmentProblem: another process runs the study, or a file, storage or cluster cannot be used.
    """
    began = time.monotonic()
    plan = make_plan(study)
    options.where.check_device(plan.device)
    folder = StudyFolder(options.out / study.slug)
    with display.showing():
        display.message(f"reading {study.data.source}")
        data = read_data(study, options.data_dir, display.message)
        opened = time.monotonic()
        for line in lines_of(data):
            display.message(line)
        stages = SharedStages.of(study, data, data_dir=options.data_dir, folder=options.out / ".cache", spec=spec)
        plan = check_data(plan, data, spec=stages.spec)
        with (
            locked(folder.path / "study", refuse, what=str(folder.path), option="--out"),
            _opened(folder, study, options, display) as storage,
        ):
            for place in (folder.path, folder.records.folder):
                sweep(place)
            items = stages.items()
            folder.write_items(items)
            folder.write_users(stages.users(items.popularity))
            references = References(stages=stages, folder=folder, tell=display.message, note=display.note)
            searches = SearchMirror(plan, storage) if isinstance(study.mode, SearchSettings) else None
            schedule = mode_of(study).schedule(plan, searches)
            mirror = OptunaMirror(storage, name=study.slug, primary=study.primary, plan=plan, schedule=schedule)
            dispatcher = CellDispatcher(
                plan=plan,
                schedule=schedule,
                folder=folder,
                stages=stages,
                keys=Keys(plan, stages),
                display=display,
                observer=mirror,
                provenance={**here(), "study_seed": study.seed},
            )

            earlier = earlier_ends(plan, dispatcher.keys.record, folder)

            def write_manifest(*, interrupted: bool = False) -> StudyResult:
                so_far = _result(dispatcher, seconds=time.monotonic() - began, interrupted=interrupted)
                if so_far.n_done or so_far.n_failed or not folder.has_manifest():
                    provenance = _provenance(dispatcher, options, so_far)
                    manifest = manifest_of(
                        dispatcher, provenance=provenance, earlier=earlier, references=references.rows
                    )
                    folder.write_manifest(manifest)
                return so_far

            def tell_complete() -> None:
                if isinstance(dispatcher.schedule, SequentialSchedule):
                    for line in dispatcher.schedule.told():
                        display.note(line)
                    references.look_up(dispatcher.schedule.replicates())
                write_manifest()
                on_replicate(folder)
                mirror.annotate(folder)

            dispatcher.told_complete = tell_complete
            log = TimingLog.of(options.data_dir)
            display.expect(
                lambda: estimated_costs(plan, stages, dispatcher.keys, folder, log, probed), options.where.workers
            )
            references.look_up(dispatcher.schedule.replicates())
            ended = references.score_counts() and not _dispatched(dispatcher, options.where)
            outcome = write_manifest(interrupted=not ended)
            if not outcome.interrupted:
                ended = references.average(dispatcher.schedule.replicates()) and _measured_ties(stages, display)
                outcome = write_manifest(interrupted=not ended)
            log.add(timings_of(dispatcher, None if outcome.interrupted else time.monotonic() - opened))
            if outcome.n_done or outcome.n_failed:
                on_end(folder)
            for each in (mirror, *([searches] if searches else ())):
                each.annotate(folder)
            return outcome


def _result(dispatcher: CellDispatcher, *, seconds: float, interrupted: bool) -> StudyResult:
    """Return what the run has done so far."""
    ranked, n_named = dispatcher.ranked(), len(dispatcher.cells)
    return StudyResult(
        folder=dispatcher.folder,
        n_run=dispatcher.n_run,
        n_reused=dispatcher.n_reused,
        n_failed=len(dispatcher.failures),
        n_again=dispatcher.n_again,
        n_done=len(ranked),
        n_cells=n_named if dispatcher.schedule.named_all and n_named else max(n_named, dispatcher.plan.n_cells),
        ranks=ranks_digest(ranked) if ranked else "",
        interrupted=interrupted,
        seconds=seconds,
    )


@contextmanager
def _opened(folder: StudyFolder, study: Study, options: RunOptions, display: Display) -> Iterator[Storage]:
    """Open the study's Optuna storage and hold the study there for this coordinator alone."""
    own = (folder.path / "optuna.db").resolve() if options.storage is None else None
    if own is not None and "?" in str(own):
        raise InputError(f"{own}: a database's URL cannot hold the ? of this folder; choose another with --out")
    url = f"sqlite:///{own}" if options.storage is None else options.storage
    with claimed(url, study_name(study.slug, study.primary)) as claim:
        if own is not None:
            set_aside_if_damaged(own)
        with closing(Storage(url, claim=claim, tell=display.message, rebuilt=own is not None)) as storage:
            yield storage


def _dispatched(dispatcher: CellDispatcher, where: Where) -> bool:
    """Run the cells; return whether Ctrl-C ended the run."""
    try:
        shutil.rmtree(dispatcher.progress_folder, ignore_errors=True)
        dispatcher.progress_folder.mkdir()
        with stoppable() as dispatcher.check, executing(where) as executor:
            try:
                dispatcher.run(executor)
            except KeyboardInterrupt:
                dispatcher.take_in_ended()
                raise
    except KeyboardInterrupt:
        return True
    return False


def _measured_ties(stages: SharedStages, display: Display) -> bool:
    """Measure the effect of tied timestamps; return False if Ctrl-C ended it. Other errors do not affect results."""
    try:
        measure_ties(stages, display.note)
    except KeyboardInterrupt:
        return False
    except Exception as problem:  # noqa: BLE001 - the encoder of a plug-in may raise anything
        why = str(problem).partition("\n")[0] or type(problem).__name__
        display.note(f"tied timestamps: effect not measured ({why}); results are not affected")
    return True


def _provenance(dispatcher: CellDispatcher, options: RunOptions, outcome: StudyResult) -> dict[str, Any]:
    return {
        "command": options.command,
        **here(),
        "finished": datetime.now(UTC).isoformat(timespec="seconds"),
        "seconds": outcome.seconds,
        "ranks": outcome.ranks,
        "n_run": outcome.n_run,
        "n_reused": outcome.n_reused,
        "executor": options.where.executor,
        "workers": options.where.workers,
        "device": dispatcher.plan.device,
        "backbones": {str(each): dispatcher.keys.backbone(each) for each in _trained(dispatcher)},
    }


def _trained(dispatcher: CellDispatcher) -> list[BackboneRef]:
    """Return the backbones of all cells with a record, including a search's settings, but no given backbone file."""
    found = dict.fromkeys(dispatcher.cells[name].backbone for name in dispatcher.ranked())
    return sorted(
        (each for each in found if dispatcher.stages.given(each) is None), key=lambda each: (each.replicate, str(each))
    )
