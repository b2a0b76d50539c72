"""Commands that list and describe what study files can name."""

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
def describe(intervention: Annotated[str, typer.Argument(help="The intervention's id, such as kl.weight.")]) -> None:
    """Describe an intervention: what it changes and why, its parameters and its conflicts."""
    from harness.interventions import find
    from harness.pages.facts import page_of
    from harness.pages.rendering import page_text

    print(page_text(page_of(find(intervention))))


@commands.command()
def pages(
    folder: Annotated[Path, typer.Argument(help="Folder of the documentation.")] = Path("docs"),
) -> None:
    """Write the pages on built-in remedies, checks and rules, and the list of remedies that reports show."""
    from collections import Counter

    from harness.pages.writing import remedies_json, write_pages
    from reports.next import pages as next_pages
    from reports.sections.glossary import REMEDIES

    for place, n_files in Counter(path.parent for path in write_pages(folder, next_pages.texts())).items():
        print(f"{n_files} files in {place}")
    REMEDIES.write_text(remedies_json(), encoding="utf-8")


@list_commands.command("interventions")
def list_interventions(
    family: Annotated[str | None, typer.Argument(help="List one problem only, such as kl.")] = None,
) -> None:
    """List every intervention by problem: its parameters, the seams it writes, and its conflicts."""
    from harness.pages.facts import pages_of
    from harness.pages.rendering import list_text

    print(list_text(pages_of(family)))


@list_commands.command("data")
def list_data() -> None:
    """List the data sets that a study file can name."""
    from harness.data.named import NAMED_SETS

    for each in NAMED_SETS:
        print(f"{each.name:10} {each.about}")
