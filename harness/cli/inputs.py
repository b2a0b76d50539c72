"""Commands that fetch what studies start from: data sets and backbones."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from harness.cli.options import DataDir, to_stderr

commands = typer.Typer()
data_commands = typer.Typer(no_args_is_help=True, help="Get and inspect data sets.")


@commands.command("import-checkpoint")
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
    accept_mismatch: Annotated[
        bool, typer.Option("--accept-mismatch", help="Write it though its validation score is far from RecBole's own.")
    ] = False,
    data_dir: DataDir = None,
) -> None:
    """Turn a checkpoint of RecBole into a backbone that studies can name; nothing in it is run."""
    from harness.data.formats.base import Columns
    from harness.imports.agreement import Mismatch
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
        mismatch=Mismatch.ACCEPTED if accept_mismatch else Mismatch.REFUSED,
        data_dir=data_dir,
    )
    for line in imported.lines():
        print(line)
    print(out)


@data_commands.command("get")
def data_get(
    name: str,
    data_dir: DataDir = None,
    from_file: Annotated[
        Path | None, typer.Option("--from", help="A file you already have; its checksum counts.")
    ] = None,
) -> None:
    """Fetch a named data set into the cache, checksum verified."""
    from harness.data.fetch import get

    print(get(name, data_dir=data_dir, from_file=from_file, progress=to_stderr))


@data_commands.command("show")
def data_show(name: str, data_dir: DataDir = None) -> None:
    """Say what is in a named data set, fetched first if it is not there yet."""
    from harness.data.sources import show as summary

    for figure, value in summary(name, data_dir, progress=to_stderr).items():
        print(f"{figure.replace('_', ' ')}: {value}")
