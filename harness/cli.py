"""The command ``ftr-study``: thin, each command a few calls into the harness."""

from __future__ import annotations

import io
import json
import logging
import os
import shlex
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer
from rich.console import Console
from rich.logging import RichHandler

from harness.errors import EnvironmentProblem, FtrError

if TYPE_CHECKING:
    from harness.runner.coordinator import RunOptions, RunOutcome
    from harness.study import Study

app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Does a remedy help FTragrec, by how much, at what cost, and why? Run a study file, read the report.",
)
data_app = typer.Typer(no_args_is_help=True, help="Get and inspect data sets.")
list_app = typer.Typer(no_args_is_help=True, help="List what study files can name.")
app.add_typer(data_app, name="data")
app.add_typer(list_app, name="list")

SOME_CELLS_FAILED = 3
INTERRUPTED = 130

StudyPath = Annotated[Path, typer.Argument(help="The study file, such as studies/kl_direction.yaml.")]
Replicates = Annotated[int | None, typer.Option(help="Replicate seeds, instead of the study file's.")]
Epochs = Annotated[int | None, typer.Option(help="Epoch budget, instead of the study file's.")]
Device = Annotated[Literal["auto", "cpu", "cuda"] | None, typer.Option(help="Where to compute, instead of the file's.")]
Out = Annotated[Path, typer.Option(help="Folder of all studies; this one's is OUT/name.")]
DataDir = Annotated[Path | None, typer.Option(help="Folder of named data sets; else your cache folder.")]
Workers = Annotated[int | None, typer.Option(min=1, help="Worker processes of one thread each; else one a core.")]
Storage = Annotated[str | None, typer.Option(help="Optuna storage URL; else SQLite in the study's folder.")]
Executors = Annotated[Literal["local", "ray"], typer.Option(help="Where cells run: this machine, or Ray.")]
Address = Annotated[str | None, typer.Option(help="A running Ray cluster, HOST:PORT or auto; else Ray here alone.")]
GpusPerCell = Annotated[float, typer.Option(help="GPUs that Ray reserves for a cell; a fraction shares one.")]


def _load(path: Path, replicates: int | None, epochs: int | None, device: str | None) -> Study:
    from harness.study import Overrides, load_study

    return load_study(path, Overrides(replicates=replicates, epochs=epochs, device=device))


@app.command()
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
    from harness.runner.storage_url import without_password

    return shlex.join(["ftr-study", *map(without_password, sys.argv[1:])])


def _run(study: Study, options: RunOptions) -> RunOutcome:
    from harness.runner.coordinator import run_study
    from harness.runner.display import make_display

    signal.signal(signal.SIGTERM, signal.default_int_handler)  # ends as Ctrl-C does: workers stopped, report written
    return run_study(study, options, make_display(Console(stderr=True), study.primary))


def _tell(outcome: RunOutcome, page: Path) -> None:
    again = f" ({outcome.n_again} of them again, for their diagnosis)" if outcome.n_again else ""
    summary = f"{outcome.n_run} cells run, {outcome.n_reused} reused{again}, {outcome.n_failed} failed"
    print(f"{summary} in {outcome.seconds:.0f} s; ranks {outcome.ranks}")
    print(page)
    if outcome.interrupted:
        raise typer.Exit(INTERRUPTED)
    if outcome.n_failed:
        raise typer.Exit(SOME_CELLS_FAILED)


@app.command()
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
    from harness.diagnosing import study_to_diagnose
    from harness.runner.coordinator import RunOptions
    from harness.study import Overrides
    from reports.diagnosis import write_diagnosis

    study = study_to_diagnose(target, data, Overrides(replicates=replicates, epochs=epochs, device=device))
    options = RunOptions(out=out, workers=_workers(workers), data_dir=data_dir, command=_command())
    outcome = _run(study, options)
    _tell(outcome, write_diagnosis(outcome.folder, lang=lang))


@app.command()
def validate(study: StudyPath, replicates: Replicates = None, epochs: Epochs = None, device: Device = None) -> None:
    """Check a study file: every error at once, with its line."""
    from harness.planning import make_plan

    plan = make_plan(_load(study, replicates, epochs, device))
    print(f"{study}: {len(plan.rows)} rows, {'at most ' * bool(plan.spaces)}{plan.n_cells} cells, no errors")


@app.command()
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
    from harness.manifest import StudyFolder
    from harness.runner.forecast import forecast
    from reports.planning import detectable_effect

    loaded = _load(study, replicates, epochs, device)
    for line in forecast(loaded, out=out, data_dir=data_dir, workers=workers or os.cpu_count() or 1).lines():
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


@app.command()
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
    from harness.audit.result import FILE
    from harness.audit.table import audit_text

    loaded = _load(study, None, None, device)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    options = AuditOptions(
        out=out, workers=workers or os.cpu_count() or 1, n_users=users, epochs=epochs, data_dir=data_dir
    )
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


@app.command()
def report(
    study: Annotated[Path, typer.Argument(help="A study's folder, such as runs/kl_direction.")],
    lang: Annotated[str, typer.Option(help="Language of the fixed texts, en or zh.")] = "en",
) -> None:
    """Write the report of a study again, from its records alone."""
    from harness.manifest import StudyFolder
    from reports.render import write_report

    print(write_report(StudyFolder(study), lang=lang))


@app.command()
def compare(
    study_a: Annotated[Path, typer.Argument(help="A finished study's folder, such as runs/kl_direction.")],
    study_b: Annotated[Path, typer.Argument(help="Another one's, with the same primary metric.")],
    out: Annotated[Path | None, typer.Option(help="Folder of the comparison; else A-vs-B beside the first.")] = None,
    lang: Annotated[str, typer.Option(help="Language of the fixed texts, en or zh.")] = "en",
) -> None:
    """Set two finished studies side by side: the same arms on two data sets, or on two bases."""
    from reports.comparison_page import write_comparison

    print(write_comparison(study_a, study_b, out, lang=lang))


@app.command()
def show(key: str, out: Out = Path("runs")) -> None:
    """Print a record: its recipe, curve, seconds and provenance."""
    from harness.errors import InputError
    from harness.manifest import StudyFolder

    records = StudyFolder(out / "any").records
    found = records.matching(key)
    if len(found) != 1:
        raise InputError(f"{len(found)} records in {records.folder} start with {key!r}; give more of the key")
    record = records.read(found[0])
    if record is None:
        raise InputError(f"record {found[0]} was damaged and has been set aside; run the study again")
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


@app.command("import-checkpoint")
def import_checkpoint(
    checkpoint: Annotated[Path, typer.Argument(help="RecBole's file of SASRec or DuoRec, such as saved/SASRec-….pth.")],
    data: Annotated[str, typer.Option(help="The studies' data: a named set, or a file of interactions.")],
    out: Annotated[Path, typer.Option(help="The file to write, such as backbone.safetensors.")],
    inter: Annotated[Path | None, typer.Option(help="RecBole's .inter file, if --data is not that file.")] = None,
    min_interactions: Annotated[int, typer.Option(min=1, help="As in the study file.")] = 5,
    user_column: Annotated[str, typer.Option(help="Column of the user in the .inter file.")] = "user_id",
    item_column: Annotated[str, typer.Option(help="Column of the item.")] = "item_id",
    time_column: Annotated[str, typer.Option(help="Column of the time stamp.")] = "timestamp",
    heads: Annotated[int | None, typer.Option(min=1, help="Attention heads, where the file does not say.")] = None,
    dropout: Annotated[float | None, typer.Option(help="Rate of dropout, where the file says none or two.")] = None,
    data_dir: DataDir = None,
) -> None:
    """Turn a checkpoint of RecBole into a backbone that studies can name; nothing in it is run."""
    from harness.data.atomic import Columns
    from harness.imports.importing import import_recbole, study_data

    columns = Columns(user=user_column, item=item_column, time=time_column)
    imported = import_recbole(
        checkpoint,
        study_data(data, columns, min_interactions),
        out,
        inter=inter,
        columns=columns,
        n_heads=heads,
        dropout=dropout,
        data_dir=data_dir,
    )
    for line in imported.lines():
        print(line)
    print(out)


@app.command()
def schema() -> None:
    """Print the JSON schema of study files, for editors."""
    from harness.study import study_schema

    print(json.dumps(study_schema(), indent=2, ensure_ascii=False))


@app.command()
def describe(intervention: Annotated[str, typer.Argument(help="Its id, such as kl.weight.")]) -> None:
    """Say what an intervention changes, why, its parameters, and what it stacks with."""
    from harness.interventions import find
    from harness.interventions.pages import page_of
    from harness.interventions.rendering import page_text

    print(page_text(page_of(find(intervention))))


@app.command()
def pages(
    folder: Annotated[Path, typer.Argument(help="Where their folders go: interventions, checks, rules.")] = Path(
        "docs"
    ),
) -> None:
    """Write a page for each built-in intervention, check and rule of a diagnosis, and their indexes."""
    from harness.diagnostics import pages as checks
    from harness.diagnostics.pages_of_rules import write_rule_pages
    from harness.interventions import CATALOGUE
    from harness.interventions.rendering import write_pages

    remedies = folder / "interventions"
    print(f"{len(write_pages(remedies, CATALOGUE))} files in {remedies}")
    print(f"{len(checks.write_pages(folder / 'checks'))} files in {folder / 'checks'}")
    print(f"{len(write_rule_pages(folder / 'rules'))} files in {folder / 'rules'}")


@list_app.command("interventions")
def list_interventions(
    family: Annotated[str | None, typer.Argument(help="Only those of this problem, such as kl.")] = None,
) -> None:
    """Every intervention by problem: what it takes, what it writes, what cannot stand beside it."""
    from harness.interventions.pages import pages_of
    from harness.interventions.rendering import list_text

    print(list_text(pages_of(family)))


@list_app.command("data")
def list_data() -> None:
    """The data sets that can be named."""
    from harness.data.named import NAMED_SETS

    for each in NAMED_SETS:
        print(f"{each.name:10} {each.about}")


@data_app.command("get")
def data_get(
    name: str,
    data_dir: DataDir = None,
    from_file: Annotated[
        Path | None, typer.Option("--from", help="A file you already have; its checksum counts.")
    ] = None,
) -> None:
    """Fetch a named data set into the cache, checksum verified."""
    from harness.data.fetch import get

    print(get(name, data_dir=data_dir, from_file=from_file, progress=_to_stderr))


@data_app.command("show")
def data_show(name: str, data_dir: DataDir = None) -> None:
    """Say what is in a named data set, fetched first if it is not there yet."""
    from dataclasses import asdict

    from harness.data.sources import show as summary

    for figure, value in asdict(summary(name, data_dir, progress=_to_stderr)).items():
        print(f"{figure.replace('_', ' ')}: {value}")


def _to_stderr(text: str) -> None:
    print(text, file=sys.stderr)


def main() -> None:
    """Run the command line; errors end in one clear message and their exit status."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # a file's name need not be text
    logging.basicConfig(
        level=logging.WARNING,
        format="%(message)s",
        handlers=[RichHandler(console=Console(stderr=True), show_time=False)],
    )
    from harness.stopping import dropped_quietly

    try:
        with dropped_quietly():
            app()
    except FtrError as problem:
        print(problem, file=sys.stderr)
        raise SystemExit(problem.exit_status) from None
    except OSError as problem:
        where = f"{problem.filename}: " if problem.filename else ""
        print(f"{where}{problem.strerror or problem}; free space or choose another folder", file=sys.stderr)
        raise SystemExit(EnvironmentProblem.exit_status) from None


if __name__ == "__main__":
    main()
