"""The command ``ftr-study``; each command is a few calls into the harness."""

from __future__ import annotations

import io
import logging
import os
import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.logging import RichHandler

from harness.cli import catalogue, following, index, inputs, records, studies
from harness.errors import EnvironmentProblem, FtrError
from harness.files import in_words

app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)


def _tell_version(asked: bool) -> None:
    if asked:
        from importlib.metadata import version

        print(f"ftr-study {version('ftr-study')}")
        raise typer.Exit


@app.callback()
def command(
    version: Annotated[
        bool, typer.Option("--version", callback=_tell_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """Run ablation studies of FTragrec: which remedies help, by how much, at what cost, and why."""


app.add_typer(studies.commands)  # without a name, its commands are top-level
app.add_typer(records.commands)
app.add_typer(index.commands)
app.add_typer(following.commands)
app.add_typer(inputs.commands)
app.add_typer(catalogue.commands)
app.add_typer(inputs.data_commands, name="data")
app.add_typer(catalogue.list_commands, name="list")


def main() -> None:
    """Run the command line; an expected error prints one message and sets its exit status."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # file names may not be valid text
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
        print(_said(problem), file=sys.stderr)
        raise SystemExit(EnvironmentProblem.exit_status) from None


def _said(problem: OSError) -> str:
    """The message for an operating system error that no other code has handled."""
    if not isinstance(problem.filename, str | bytes):
        return f"{problem.strerror or problem}; choose another folder with --out or --data-dir"
    return str(in_words(Path(os.fsdecode(problem.filename)), problem, "--out or --data-dir"))
