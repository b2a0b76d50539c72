"""Options for reading a data file, shared by the commands that take one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from harness.data.formats.base import Columns

Data = Annotated[str, typer.Option(help="A named data set, or a file of interactions.")]
Format = Annotated[str | None, typer.Option("--format", help="The file's format.", show_default="from the file suffix")]
Sep = Annotated[str | None, typer.Option(help="Field separator of a text table.", show_default="comma or tab")]
UserColumn = Annotated[str | None, typer.Option(help="User column.", show_default="common names")]
ItemColumn = Annotated[str | None, typer.Option(help="Item column.", show_default="common names")]
TimeColumn = Annotated[
    str | None,
    typer.Option(help="Timestamp column; null if there is none and rows are in order.", show_default="common names"),
]
MinInteractions = Annotated[int, typer.Option(min=1, help="Minimum number of interactions, as in a study file.")]

NULL = "null"
"""Value for "no time column", as in a study file."""


def columns_of(user: str | None, item: str | None, time: str | None) -> Columns:
    """The columns given by options; columns without an option are guessed."""
    from harness.data.formats.base import GUESSED, Columns

    return Columns(user=user or GUESSED, item=item or GUESSED, time=None if time == NULL else time or GUESSED)


def keys_of(
    data_format: str | None, sep: str | None, user: str | None, item: str | None, time: str | None, least: int | None
) -> dict[str, object]:
    """The given options as keys of ``data:`` in a study file."""
    named = {"user": user, "item": item, "time": time}
    columns = {key: None if name == NULL and key == "time" else name for key, name in named.items() if name}
    given = {"format": data_format, "sep": sep, "columns": columns or None, "min_interactions": least}
    return {key: value for key, value in given.items() if value is not None}
