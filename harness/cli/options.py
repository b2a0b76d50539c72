"""Arguments and options that several commands share."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Literal

import typer

from harness.processors import processors

RUNS = Path("runs")
CORES = processors()

StudyPath = Annotated[
    Path, typer.Argument(help="The study file, such as studies/kl_direction.yaml; - reads standard input.")
]
Replicates = Annotated[int | None, typer.Option(help="Number of seeds; overrides the study file.")]
Epochs = Annotated[int | None, typer.Option(help="Epoch budget; overrides the study file.")]
Device = Annotated[Literal["auto", "cpu", "cuda"] | None, typer.Option(help="Device; overrides the study file.")]
Out = Annotated[Path, typer.Option(help="Folder for results; each study gets a subfolder.")]
DataDir = Annotated[Path | None, typer.Option(help="Folder of named data sets.", show_default="your cache folder")]
Workers = Annotated[
    int,
    typer.Option(min=1, help="Worker processes, one thread each.", show_default="one per available processor"),
]
NoContract = Annotated[bool, typer.Option("--no-contract", help="Skip the contract check of plug-in remedies.")]
Lang = Annotated[str, typer.Option(help="Language of the page, en or zh.")]

Storage = Annotated[str | None, typer.Option(help="Optuna storage URL.", show_default="SQLite in the study's folder")]
Executors = Annotated[Literal["local", "ray"], typer.Option(help="Where cells run: on this machine, or on Ray.")]
Address = Annotated[
    str | None, typer.Option(help="A running Ray cluster, HOST:PORT or auto.", show_default="a local Ray")
]
GpusPerCell = Annotated[float, typer.Option(help="GPUs that Ray reserves per cell; a fraction lets cells share one.")]


def to_stderr(text: str) -> None:
    """Print progress to stderr, separate from the command's result."""
    print(text, file=sys.stderr)
