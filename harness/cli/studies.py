"""Commands that run studies and read what they left."""

from __future__ import annotations

import json
import os
import shlex
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer
from rich.console import Console

from harness.cli.options import DataDir, Device, Epochs, Out, Replicates, StudyPath, Workers, to_stderr

if TYPE_CHECKING:
    from harness.runner.coordinator import RunOptions, StudyResult
    from harness.study.study import Study

commands = typer.Typer()

SOME_CELLS_FAILED = 3
OTHER_RANKS = 3
INTERRUPTED = 130

Storage = Annotated[str | None, typer.Option(help="Optuna storage URL; else SQLite in the study's folder.")]
Executors = Annotated[Literal["local", "ray"], typer.Option(help="Where cells run: this machine, or Ray.")]
Address = Annotated[str | None, typer.Option(help="A running Ray cluster, HOST:PORT or auto; else Ray here alone.")]
GpusPerCell = Annotated[float, typer.Option(help="GPUs that Ray reserves for a cell; a fraction shares one.")]


def _load(path: Path, replicates: int | None, epochs: int | None, device: str | None) -> Study:
    from harness.study.study import Overrides, load_study

    return load_study(path, Overrides(replicates=replicates, epochs=epochs, device=device))


@commands.command()
def run(
    study: StudyPath,
    replicates: Replicates = None,
    epochs: Epochs = None,
    device: Device = None,
    workers: Workers = None,
    out: Out = Path("runs"),
    data_dir: DataDir = None,
    storage: Storage = None,
    executor: Executors = "local",
    address: Address = None,
    gpus_per_cell: GpusPerCell = 0.0,
) -> None:
    """Run a study's unfinished cells and write its report."""
    from harness.runner.coordinator import RunOptions
    from reports.render import write_report

    options = RunOptions(
        out=out,
        workers=_workers(workers),
        executor=executor,
        address=address,
        gpus_per_cell=gpus_per_cell,
        storage=storage,
        data_dir=data_dir,
        command=_command(),
    )
    outcome = _run(_load(study, replicates, epochs, device), options)
    _tell(outcome, write_report(outcome.folder))


def _workers(asked: int | None) -> int:
    return asked or os.cpu_count() or 1


def _command() -> str:
    from harness.runner.optuna.storage_url import without_password

    return shlex.join(["ftr-study", *map(without_password, sys.argv[1:])])


def _run(study: Study, options: RunOptions) -> StudyResult:
    from harness.runner.coordinator import run_study
    from harness.runner.progress import make_display

    signal.signal(signal.SIGTERM, signal.default_int_handler)  # ends as Ctrl-C does: workers stopped, report written
    return run_study(study, options, make_display(Console(stderr=True), study.primary))


def _tell(outcome: StudyResult, page: Path) -> None:
    again = f" ({outcome.n_again} of them again, for their diagnosis)" if outcome.n_again else ""
    summary = f"{outcome.n_run} cells run, {outcome.n_reused} reused{again}, {outcome.n_failed} failed"
    print(f"{summary} in {outcome.seconds:.0f} s; ranks {outcome.ranks}")
    print(page)
    if outcome.interrupted:
        raise typer.Exit(INTERRUPTED)
    if outcome.n_failed:
        raise typer.Exit(SOME_CELLS_FAILED)


@commands.command()
def diagnose(
    target: Annotated[
        Path | None, typer.Argument(help="A study file, or a backbone's .safetensors with --data; else --data alone.")
    ] = None,
    data: Annotated[str | None, typer.Option(help="A named data set or a file of interactions.")] = None,
    replicates: Replicates = None,
    epochs: Epochs = None,
    device: Device = None,
    workers: Workers = None,
    out: Out = Path("runs"),
    data_dir: DataDir = None,
    lang: Annotated[str, typer.Option(help="Language of the fixed texts, en or zh.")] = "en",
) -> None:
    """Run base alone, measure the evidence on the ten claims, and say on one page what to try."""
    from harness.runner.coordinator import RunOptions
    from harness.study.diagnosing import study_to_diagnose
    from harness.study.study import Overrides
    from reports.diagnosis import write_diagnosis

    study = study_to_diagnose(target, data, Overrides(replicates=replicates, epochs=epochs, device=device))
    options = RunOptions(out=out, workers=_workers(workers), data_dir=data_dir, command=_command())
    outcome = _run(study, options)
    _tell(outcome, write_diagnosis(outcome.folder, lang=lang))


@commands.command()
def validate(study: StudyPath, replicates: Replicates = None, epochs: Epochs = None, device: Device = None) -> None:
    """Check a study file: every error at once, with its line."""
    from harness.modes.planning import make_plan

    plan = make_plan(_load(study, replicates, epochs, device))
    print(f"{study}: {len(plan.rows)} rows, {'at most ' * bool(plan.spaces)}{plan.n_cells} cells, no errors")


@commands.command()
def plan(
    study: StudyPath,
    replicates: Replicates = None,
    epochs: Epochs = None,
    device: Device = None,
    out: Out = Path("runs"),
    data_dir: DataDir = None,
    workers: Workers = None,
) -> None:
    """Say what a run would do: rows, cells, what is reused, and how long it may take."""
    from harness.results.folder import StudyFolder
    from harness.runner.forecast import forecast
    from reports.planning import detectable_effect

    loaded = _load(study, replicates, epochs, device)
    for line in forecast(loaded, out=out, data_dir=data_dir, workers=_workers(workers)).lines():
        print(line)
    detectable = detectable_effect(StudyFolder(out / loaded.slug), n_seeds=loaded.n_compared)
    if detectable is None:
        print("minimum detectable effect: unknown until this study has records of two seeds")
    else:
        print(
            f"minimum detectable effect on {loaded.primary} at 80% power: {detectable.corrected:.5f} "
            f"({detectable.share:.1%} of base) corrected for all arms, {detectable.alone:.5f} for one arm alone, "
            f"judged by {detectable.n_pilot} seeds"
        )


@commands.command()
def audit(
    study: StudyPath,
    users: Annotated[
        int | None,
        typer.Option(min=0, help="Users of the short runs, 0 for all; else enough for an index of full size."),
    ] = None,
    epochs: Annotated[int, typer.Option(min=2, help="Epochs of a short run.")] = 2,
    device: Device = None,
    workers: Workers = None,
    out: Out = Path("runs"),
    data_dir: DataDir = None,
) -> None:
    """Turn every parameter of a study's base, one at a time, and say which change nothing."""
    from harness.audit.command import AuditOptions, audit_study
    from harness.audit.table import audit_text
    from harness.results.audit import FILE

    loaded = _load(study, None, None, device)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    options = AuditOptions(out=out, workers=_workers(workers), n_users=users, epochs=epochs, data_dir=data_dir)
    console = Console(stderr=True)
    with console.status("") as status:
        try:
            found = audit_study(
                loaded,
                options,
                lambda text: console.print(text, markup=False, highlight=False, soft_wrap=True),
                done=lambda finished, total: status.update(f"{finished} of {total} short runs"),
            )
        except KeyboardInterrupt:
            raise typer.Exit(INTERRUPTED) from None
    print(audit_text(found))
    print(out / loaded.slug / FILE)


@commands.command()
def report(
    study: Annotated[Path, typer.Argument(help="A study's folder, such as runs/kl_direction.")],
    lang: Annotated[str, typer.Option(help="Language of the fixed texts, en or zh.")] = "en",
) -> None:
    """Write the report of a study again, from its records alone."""
    from harness.results.folder import StudyFolder
    from reports.render import write_report

    print(write_report(StudyFolder(study), lang=lang))


@commands.command()
def compare(
    study_a: Annotated[Path, typer.Argument(help="A finished study's folder, such as runs/kl_direction.")],
    study_b: Annotated[Path, typer.Argument(help="Another one's, with the same primary metric.")],
    out: Annotated[Path | None, typer.Option(help="Folder of the comparison; else A-vs-B beside the first.")] = None,
    lang: Annotated[str, typer.Option(help="Language of the fixed texts, en or zh.")] = "en",
) -> None:
    """Set two finished studies side by side: the same arms on two data sets, or on two bases."""
    from reports.comparison_page import write_comparison

    print(write_comparison(study_a, study_b, out, lang=lang))


@commands.command()
def show(key: str, out: Out = Path("runs")) -> None:
    """Print a record: its recipe, curve, seconds and provenance."""
    from harness.results.folder import StudyFolder

    record = StudyFolder(out / "any").records.only(key)
    for title, part in (("recipe", record.recipe), ("seconds", record.seconds), ("checks", record.checks)):
        print(f"{title}:")
        for name, value in part.items():
            print(f"  {name}: {value}")
    print("curve:")
    for point in record.curve:
        shown = " ".join(f"{name} {value:.4f}" for name, value in (point.valid_on or point.valid_off).items())
        print(f"  epoch {point.epoch}{' (chosen)' if point.epoch == record.chosen_epoch else ''}: {shown}")
    print("provenance:")
    print(json.dumps(dict(record.provenance), indent=2))


@commands.command()
def rerun(
    key: Annotated[
        str, typer.Argument(help="Of a record, or its first digits; a study's manifest.json names its keys.")
    ],
    out: Out = Path("runs"),
    data_dir: DataDir = None,
) -> None:
    """Run the cell of a record again and compare every user's ranks; the record stays as it is."""
    from harness.runner.rerun import rerun as run_again

    found = run_again(key, out, to_stderr, data_dir=data_dir)
    for line in found.lines():
        print(line)
    if not found.same:
        raise typer.Exit(OTHER_RANKS)
