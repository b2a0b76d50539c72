"""The command that writes the study to run next."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from harness.cli import options

commands = typer.Typer()


@commands.command("next")
def next_study(
    study: Annotated[Path, typer.Argument(help="A study's or a diagnosis's folder, such as runs/kl_direction.")],
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="The file to write.", show_default="standard output")
    ] = None,
) -> None:
    """Write the next study file from a study's evidence and verdicts; run it with  ftr-study run -."""
    from harness.cli.showing import results_folder
    from harness.errors import InputError
    from harness.modes.planning import make_plan
    from harness.results.folder import StudyFolder
    from harness.study.study import read_study
    from reports.output.following import following_study

    if out is not None and out.exists():
        raise InputError(f"--out {out} exists and is not overwritten; name another file or remove it")
    found = following_study(StudyFolder(results_folder(study, options.RUNS)))
    options.to_stderr(f"Next: {found.sentence}")
    for each in found.dropped:
        options.to_stderr(f"left out: {each}")
    if not found.file:
        return
    content = found.file.encode()
    make_plan(read_study(content, out or Path("<next>")))  # ensure that the written study can run
    options.to_stderr(found.size)
    if out is None:
        print(found.file, end="")
        return
    with out.open("xb") as file:
        file.write(content)
    options.to_stderr(f"{out}: run it with  ftr-study run {out}")
