"""Commands that tell what there is: what study files can name, and a page on each."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

commands = typer.Typer()
list_commands = typer.Typer(no_args_is_help=True, help="List what study files can name.")


@commands.command()
def schema() -> None:
    """Print the JSON schema of study files, for editors."""
    from harness.study.study import study_schema

    print(json.dumps(study_schema(), indent=2, ensure_ascii=False))


@commands.command()
def describe(intervention: Annotated[str, typer.Argument(help="Its id, such as kl.weight.")]) -> None:
    """Say what an intervention changes, why, its parameters, and what it stacks with."""
    from harness.interventions import find
    from harness.pages.facts import page_of
    from harness.pages.writing import page_text

    print(page_text(page_of(find(intervention))))


@commands.command()
def pages(
    folder: Annotated[Path, typer.Argument(help="Where their folders go: interventions, checks, rules.")] = Path(
        "docs"
    ),
) -> None:
    """Write a page for each built-in intervention, check and rule of a diagnosis, and their indexes."""
    from harness.pages.writing import write_pages

    for place, n_files in write_pages(folder).items():
        print(f"{n_files} files in {place}")


@list_commands.command("interventions")
def list_interventions(
    family: Annotated[str | None, typer.Argument(help="Only those of this problem, such as kl.")] = None,
) -> None:
    """Every intervention by problem: what it takes, what it writes, what cannot stand beside it."""
    from harness.pages.facts import pages_of
    from harness.pages.writing import list_text

    print(list_text(pages_of(family)))


@list_commands.command("data")
def list_data() -> None:
    """The data sets that can be named."""
    from harness.data.named import NAMED_SETS

    for each in NAMED_SETS:
        print(f"{each.name:10} {each.about}")
