"""Arguments, options and ways to tell that commands share."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Literal

import typer

StudyPath = Annotated[Path, typer.Argument(help="The study file, such as studies/kl_direction.yaml.")]
Replicates = Annotated[int | None, typer.Option(help="Replicate seeds, instead of the study file's.")]
Epochs = Annotated[int | None, typer.Option(help="Epoch budget, instead of the study file's.")]
Device = Annotated[Literal["auto", "cpu", "cuda"] | None, typer.Option(help="Where to compute, instead of the file's.")]
Out = Annotated[Path, typer.Option(help="Folder of all studies; this one's is OUT/name.")]
DataDir = Annotated[Path | None, typer.Option(help="Folder of named data sets; else your cache folder.")]
Workers = Annotated[int | None, typer.Option(min=1, help="Worker processes of one thread each; else one a core.")]


def to_stderr(text: str) -> None:
    """What a command is doing, beside its result."""
    print(text, file=sys.stderr)
