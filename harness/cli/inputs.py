"""Commands that provide a study's inputs: data sets and backbones."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Annotated

import typer

from harness.cli.data_options import (
    Data,
    Format,
    ItemColumn,
    MinInteractions,
    Sep,
    TimeColumn,
    UserColumn,
    columns_of,
)
from harness.cli.options import DataDir, to_stderr
from harness.errors import InputError

commands = typer.Typer()
data_commands = typer.Typer(no_args_is_help=True, help="Get and inspect data sets.")


@commands.command("import-checkpoint")
def import_checkpoint(
    checkpoint: Annotated[
        Path, typer.Argument(help="RecBole checkpoint of SASRec, DuoRec or GRU4Rec, such as saved/SASRec-….pth.")
    ],
    data: Data,
    out: Annotated[Path, typer.Option(help="File to write, such as backbone.safetensors.")],
    inter: Annotated[
        Path | None,
        typer.Option(help="RecBole's .inter file, if it is not --data; column options then apply to it."),
    ] = None,
    data_format: Format = None,
    sep: Sep = None,
    user_column: UserColumn = None,
    item_column: ItemColumn = None,
    time_column: TimeColumn = None,
    min_interactions: MinInteractions = 5,
    heads: Annotated[
        int | None, typer.Option(min=1, help="Attention heads, if the checkpoint does not record them.")
    ] = None,
    max_length: Annotated[
        int | None,
        typer.Option(min=1, help="Longest history, in items, if the checkpoint of a GRU4Rec does not record it."),
    ] = None,
    dropout: Annotated[
        float | None, typer.Option(help="Dropout rate, if the checkpoint records none, or two different ones.")
    ] = None,
    accept_mismatch: Annotated[
        bool,
        typer.Option(
            "--accept-mismatch", help="Write the backbone even if its validation score differs from RecBole's."
        ),
    ] = False,
    data_dir: DataDir = None,
) -> None:
    """Import a RecBole checkpoint as a backbone for studies; no code in it is executed."""
    from harness.data.report import lines_of
    from harness.data.sources import load, spec_of
    from harness.imports.agreement import Mismatch
    from harness.imports.importing import import_recbole
    from harness.imports.recbole_model import Told

    columns = columns_of(user_column, item_column, time_column)
    own = columns if inter is None else columns_of(None, None, None)
    spec = spec_of(data, format=data_format, sep=sep, columns=own, min_interactions=min_interactions)
    try:
        found = load(spec, data_dir, progress=to_stderr)
    except InputError as problem:
        if inter is None or "-column)" not in str(problem):
            raise
        raise InputError(
            f"{problem}; with --inter, --user-column, --item-column and --time-column apply to {inter}; rename the "
            f"columns of {data}, or give --inter's file as --data"
        ) from problem
    for line in lines_of(found):
        to_stderr(line)
    imported = import_recbole(
        checkpoint,
        spec,
        out,
        inter=inter,
        columns=columns,
        told=Told(n_heads=heads, dropout=dropout, max_length=max_length),
        mismatch=Mismatch.ACCEPTED if accept_mismatch else Mismatch.REFUSED,
        data_dir=data_dir,
    )
    for line in imported.lines():
        print(line)
    print(out)


@data_commands.command("get")
def data_get(
    name: Annotated[str, typer.Argument(help="A named data set, such as ml-100k; see  ftr-study list data.")],
    data_dir: DataDir = None,
    from_file: Annotated[
        Path | None, typer.Option("--from", help="A file you already have; its checksum is verified.")
    ] = None,
) -> None:
    """Download a named data set into the cache and verify its checksum."""
    from harness.data.fetch import get

    print(get(name, data_dir=data_dir, from_file=from_file, progress=to_stderr))


@data_commands.command("show")
def data_show(
    data: Annotated[str, typer.Argument(help="A named data set, or a file of interactions.")],
    data_format: Format = None,
    sep: Sep = None,
    user_column: UserColumn = None,
    item_column: ItemColumn = None,
    time_column: TimeColumn = None,
    min_interactions: MinInteractions = 5,
    data_dir: DataDir = None,
) -> None:
    """Summarise a data set or file and how it was read; a named data set is downloaded if missing."""
    from harness.data.sources import show, spec_of

    columns = columns_of(user_column, item_column, time_column)
    spec = spec_of(data, format=data_format, sep=sep, columns=columns, min_interactions=min_interactions)
    for figure, value in show(spec, data_dir, progress=to_stderr).items():
        print(f"{_LABELS.get(figure, figure.replace('_', ' '))}: {_in_words(value)}")


_LABELS = {
    "n_users": "users",
    "n_items": "items",
    "n_interactions": "interactions",
    "mean_length": "events per user, mean",
    "median_length": "events per user, median",
    "max_length": "events per user, maximum",
    "share_over_50": "share of users with more than 50 events",
    "tied_share": "share of neighbouring events with tied timestamps",
}


def _in_words(value: object) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{count} {what}" for what, count in value.items()) or "nothing"
    if isinstance(value, float):
        return "unknown: no timestamps" if math.isnan(value) else f"{value:.4g}"
    return str(value)
