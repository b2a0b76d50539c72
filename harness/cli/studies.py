"""Commands that check, plan and run studies."""

from __future__ import annotations

import shlex
import signal
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from harness.cli import data_options, options

if TYPE_CHECKING:
    from harness.results.folder import StudyFolder
    from harness.runner.coordinator import RunOptions, StudyResult
    from harness.runner.progress import Display
    from harness.study.study import Study

commands = typer.Typer()

SOME_CELLS_FAILED = 3
INTERRUPTED = 130


def _load(path: Path, replicates: int | None, epochs: int | None, device: str | None) -> Study:
    from harness.cli.stdin import study_of
    from harness.study.study import Overrides

    return study_of(path, Overrides(replicates=replicates, epochs=epochs, device=device))


def _kept(study: Study, out: Path, no_contract: bool) -> Study:
    """Return the study after checking its plug-ins against their contract, unless ``no_contract`` is set."""
    from harness.contracts.of_study import check_plugins

    if not no_contract:
        check_plugins(study, out / ".cache", options.to_stderr)
    return study


@commands.command()
def run(
    study: options.StudyPath,
    replicates: options.Replicates = None,
    epochs: options.Epochs = None,
    device: options.Device = None,
    workers: options.Workers = options.CORES,
    out: options.Out = options.RUNS,
    data_dir: options.DataDir = None,
    storage: options.Storage = None,
    executor: options.Executors = "local",
    address: options.Address = None,
    gpus_per_cell: options.GpusPerCell = 0.0,
    no_contract: options.NoContract = False,
) -> None:
    """Run a study's unfinished cells and write its report."""
    from harness.api.pages import EarlyPages, page_of
    from harness.runner.coordinator import RunOptions
    from harness.runner.executors.base import Where
    from harness.runner.progress import make_display
    from reports.output.terminal import answer_lines

    loaded = _kept(_load(study, replicates, epochs, device), out, no_contract)
    where = Where(executor=executor, workers=workers, address=address, gpus_per_cell=gpus_per_cell)
    how = RunOptions(out=out, where=where, storage=storage, data_dir=data_dir, command=_command())
    pages = EarlyPages(make_display(Console(stderr=True), loaded.primary))
    outcome = _run(loaded, how, pages.display, pages, page_of)
    if outcome.n_done or outcome.n_failed:
        page = outcome.folder.path / "report.html"
        _tell(outcome, page, answer_lines(page.with_name("report.json")))
    _end(outcome)


def _command() -> str:
    from harness.runner.optuna.url import without_password

    return shlex.join(["ftr-study", *map(without_password, sys.argv[1:])])


def _run(
    study: Study,
    how: RunOptions,
    display: Display,
    on_replicate: Callable[[StudyFolder], None],
    on_end: Callable[[StudyFolder], object],
) -> StudyResult:
    from harness.runner.coordinator import run_study

    signal.signal(signal.SIGTERM, signal.default_int_handler)  # as Ctrl-C: stop workers, write the report
    for line in _apart(study, how.out):
        display.note(line)
    try:
        return run_study(study, how, display, on_replicate=on_replicate, on_end=on_end)
    except KeyboardInterrupt:
        print("interrupted; finished cells are kept; run the same command to continue", file=sys.stderr)
        raise typer.Exit(INTERRUPTED) from None


def _apart(study: Study, out: Path) -> Iterator[str]:
    """A line on options that override the study file and on the folder of the results; none without overrides."""
    if study.changed:
        given = ", ".join(f"{option} {value}" for option, value in sorted(study.changed.items()))
        yield f"overridden on the command line: {given}; results go to {out / study.slug} and share the study's records"


def _tell(outcome: StudyResult, page: Path, answer: Iterable[str]) -> None:
    """Print the answer, a summary of the run and the path of the page."""
    for line in answer:
        print(line)
    print()
    again = f" ({outcome.n_again} of them rerun for their diagnosis)" if outcome.n_again else ""
    summary = f"{outcome.n_run} cells run, {outcome.n_reused} reused{again}, {outcome.n_failed} failed"
    ranks = f"; ranks {outcome.ranks}" if outcome.ranks else ""
    print(f"{summary} in {outcome.seconds:.0f} s{ranks}")
    print(page)


def _end(outcome: StudyResult) -> None:
    """Exit with the status of the run if it was interrupted or cells failed."""
    if outcome.interrupted:
        done = f"{outcome.n_done} of {outcome.n_cells} cells are done"
        print(f"interrupted; {done}; run the same command to continue", file=sys.stderr)
        raise typer.Exit(INTERRUPTED)
    if outcome.n_failed:
        raise typer.Exit(SOME_CELLS_FAILED)


@commands.command()
def diagnose(
    target: Annotated[
        Path | None,
        typer.Argument(help="A study file, or a backbone (.safetensors) with --data. Omit it for --data alone."),
    ] = None,
    data: Annotated[str | None, typer.Option(help="A named data set, or a file of interactions.")] = None,
    data_format: data_options.Format = None,
    sep: data_options.Sep = None,
    user_column: data_options.UserColumn = None,
    item_column: data_options.ItemColumn = None,
    time_column: data_options.TimeColumn = None,
    min_interactions: Annotated[
        int | None, typer.Option(min=1, help="Minimum number of interactions, as in a study file.", show_default="5")
    ] = None,
    replicates: options.Replicates = None,
    epochs: options.Epochs = None,
    device: options.Device = None,
    workers: options.Workers = options.CORES,
    out: options.Out = options.RUNS,
    data_dir: options.DataDir = None,
    lang: options.Lang = "en",
) -> None:
    """Run base alone, test the problem list on it, and write one page on what to try."""
    from harness.runner.coordinator import RunOptions, no_page
    from harness.runner.executors.base import Where
    from harness.runner.progress import make_display
    from harness.study.diagnosing import study_to_diagnose
    from harness.study.study import Overrides
    from reports.output.diagnosis.page import write_diagnosis
    from reports.output.terminal import diagnosis_lines

    reading = data_options.keys_of(data_format, sep, user_column, item_column, time_column, min_interactions)
    overrides = Overrides(replicates=replicates, epochs=epochs, device=device)
    study = study_to_diagnose(target, data, overrides, reading)
    how = RunOptions(out=out, where=Where(workers=workers), data_dir=data_dir, command=_command())
    outcome = _run(study, how, make_display(Console(stderr=True), study.primary), no_page, no_page)
    if outcome.n_done or outcome.n_failed:
        page = write_diagnosis(outcome.folder, lang=lang)
        _tell(outcome, page, diagnosis_lines(page.with_suffix(".json")))
    _end(outcome)


@commands.command()
def validate(
    study: options.StudyPath,
    replicates: options.Replicates = None,
    epochs: options.Epochs = None,
    device: options.Device = None,
    data_dir: options.DataDir = None,
) -> None:
    """Check a study file, and its data if present on this machine; report every error with its line."""
    from harness.cli.stdin import shown
    from harness.modes.planning import make_plan
    from harness.runner.early import check_here

    plan = make_plan(_load(study, replicates, epochs, device))
    unchecked = check_here(plan, data_dir)
    print(f"{shown(study)}: {len(plan.rows)} rows, {'at most ' * plan.at_most}{plan.n_cells} cells, no errors")
    if unchecked:
        print(unchecked)


@commands.command()
def plan(
    study: options.StudyPath,
    replicates: options.Replicates = None,
    epochs: options.Epochs = None,
    device: options.Device = None,
    out: options.Out = options.RUNS,
    data_dir: options.DataDir = None,
    workers: options.Workers = options.CORES,
    no_contract: options.NoContract = False,
) -> None:
    """Show what a run would do: rows, cells, reused results and expected time."""
    from harness.results.folder import StudyFolder, study_named
    from harness.runner.forecast import forecast
    from reports.output.terminal import detectable_effect, detectable_line

    loaded = _kept(_load(study, replicates, epochs, device), out, no_contract)
    for line in _apart(loaded, out):
        print(line)
    for line in forecast(loaded, out=out, data_dir=data_dir, workers=workers).lines():
        print(line)
    own = StudyFolder(out / loaded.slug)
    earlier = study_named(out, loaded.follows["study"]) if loaded.follows else None
    detectable = detectable_effect(own if own.has_manifest() else earlier or own, n_seeds=loaded.n_compared)
    print(detectable_line(detectable, loaded.primary))


@commands.command()
def audit(
    study: options.StudyPath,
    users: Annotated[
        int | None,
        typer.Option(min=0, help="Users of each short run, 0 for all.", show_default="enough for a full-size index"),
    ] = None,
    epochs: Annotated[int, typer.Option(min=2, help="Epochs of each short run.")] = 2,
    device: options.Device = None,
    workers: options.Workers = options.CORES,
    out: options.Out = options.RUNS,
    data_dir: options.DataDir = None,
) -> None:
    """Change every parameter of a study's base, one at a time, and list those without effect."""
    from harness.audit.command import AuditOptions, audit_study
    from harness.audit.table import audit_text
    from harness.results.audit import FILE

    loaded = _load(study, None, None, device)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    how = AuditOptions(out=out, workers=workers, n_users=users, epochs=epochs, data_dir=data_dir)
    console = Console(stderr=True)
    with console.status("") as status:
        try:
            found = audit_study(
                loaded,
                how,
                lambda text: console.print(text, markup=False, highlight=False, soft_wrap=True),
                done=lambda finished, total: status.update(f"{finished} of {total} short runs"),
            )
        except KeyboardInterrupt:
            raise typer.Exit(INTERRUPTED) from None
    print(audit_text(found))
    print(out / loaded.slug / FILE)
