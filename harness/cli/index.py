"""The command that writes the index page of all studies."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from harness.cli import options

commands = typer.Typer()


@commands.command()
def index(
    folder: Annotated[Path, typer.Argument(help="The folder of all studies.")] = options.RUNS,
    lang: options.Lang = "en",
) -> None:
    """Write one page that lists the studies of a folder, each with its answer and a link to its report."""
    from reports.output.index.page import write_index

    print(write_index(folder, lang))
