"""Commands that read results of studies: reports, comparisons, records."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from harness.cli import options, tables

commands = typer.Typer()

OTHER_RANKS = 3


@commands.command()
def report(
    study: Annotated[Path, typer.Argument(help="A study's folder, such as runs/kl_direction, or a table of ranks.")],
    lang: options.Lang = "en",
    baseline: tables.Baseline = None,
    primary: tables.Primary = None,
    question: tables.Question = None,
    out: tables.Out = None,
    columns: tables.Columns = None,
    common_users: tables.CommonUsers = False,
    beyond: tables.Beyond = None,
    sesoi: tables.Sesoi = None,
) -> None:
    """Write a study's report from its records, or the report of a table of ranks; nothing is run."""
    given = tables.Given(baseline, primary, question, out, columns, common_users, beyond, sesoi)
    if tables.is_table(study):
        print(tables.report_of(study, given, lang))
        return
    given.refuse_for(study)
    from harness.cli.showing import results_folder
    from harness.results.folder import StudyFolder
    from reports.output.files import write_report

    print(write_report(StudyFolder(results_folder(study, options.RUNS)), lang=lang))


@commands.command()
def compare(
    study_a: Annotated[Path, typer.Argument(help="A finished study's folder, such as runs/kl_direction.")],
    study_b: Annotated[Path, typer.Argument(help="Another finished study's folder, with the same primary metric.")],
    out: Annotated[
        Path | None, typer.Option(help="Folder of the comparison.", show_default="A-vs-B next to the first study")
    ] = None,
    lang: options.Lang = "en",
) -> None:
    """Compare two finished studies: the same arms on two data sets, or on two bases."""
    from harness.cli.showing import results_folder
    from reports.output.comparison.page import write_comparison

    first, second = (results_folder(each, options.RUNS) for each in (study_a, study_b))
    print(write_comparison(first, second, out, lang=lang))


@commands.command()
def show(
    what: Annotated[
        str, typer.Argument(metavar="KEY|FOLDER", help="A record's key or its first digits, or a study's folder.")
    ],
    out: options.Out = options.RUNS,
) -> None:
    """Print a record (its arm, test metrics, recipe, timings, curve), or list the records of a study."""
    from harness.cli.showing import record_lines, results_folder, study_lines
    from harness.results.folder import StudyFolder

    path = results_folder(Path(what), out)
    if path.is_dir() or len(path.parts) > 1:
        lines = study_lines(StudyFolder(path))
    else:
        lines = record_lines(StudyFolder(out / "any").records.only(what), out)
    for line in lines:
        print(line)


@commands.command()
def rerun(
    key: Annotated[str, typer.Argument(help="A record's key or its first digits, as in a study's manifest.json.")],
    out: options.Out = options.RUNS,
    data_dir: options.DataDir = None,
) -> None:
    """Rerun the cell of a record and compare the ranks per user; the record is not changed."""
    from harness.runner.rerun import rerun as run_again

    found = run_again(key, out, options.to_stderr, data_dir=data_dir)
    for line in found.lines():
        print(line)
    if not found.same:
        raise typer.Exit(OTHER_RANKS)
