"""What a data format is: the extension point for files that are written in another way."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from harness.data.events import Events
from harness.errors import InputError

GUESSED = ""
"""In place of a column's name: the column is found by the usual names of :mod:`harness.data.formats.naming`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Columns:
    """Which columns of a table to read, as ``data: columns`` of a study file names them.

    Attributes:
        user, item: the columns of user and item ids; ``GUESSED`` where the file is to tell.
        time: the column of timestamps; None where the rows are in order of time.
        sep: what separates the fields of a text table; empty for the format's own.
    """

    user: str = GUESSED
    item: str = GUESSED
    time: str | None = GUESSED
    sep: str = ""

    def __post_init__(self) -> None:
        names = [name for name in (self.user, self.item, self.time) if name]
        if len(set(names)) < len(names):
            raise InputError(f"columns: {', '.join(names)}: user, item and time must be different columns")


class UnlikeFormatError(InputError):
    """The file looks as if it were of another format."""


class DataFormat(ABC):
    """How a data file is written. A new format is one subclass, in one file.

    A plug-in names its subclass as an entry point of the group ``ftr_study.data_formats`` and tests it with
    :func:`harness.contracts.data_format.check_data_format`. For tables, :func:`harness.data.formats.table.table_events`
    does all but taking the file apart::

        class Bars(DataFormat):
            name = "bars"
            suffixes = (".bars",)
            has_columns = True

            def read(self, content: bytes, path: Path, columns: Columns) -> Events:
                header, *rows = (line.split("|") for line in decode_lines(content, path))
                return table_events(dict(zip(header, zip(*rows))), columns, path, first_line=2)

    A gzip file is unpacked before a format sees it, and ``.gz`` is no part of a suffix.

    Attributes:
        name: what a study file calls it under ``data: format``.
        title: what a sentence calls it; empty for ``name``.
        suffixes: ends of file names that tell the format, such as ``.csv``; may be empty.
        has_columns: whether ``data: columns`` applies to it.
        has_sep: whether ``data: sep`` applies to it.
    """

    name: ClassVar[str]
    title: ClassVar[str] = ""
    suffixes: ClassVar[tuple[str, ...]] = ()
    has_columns: ClassVar[bool] = False
    has_sep: ClassVar[bool] = False

    @abstractmethod
    def read(self, content: bytes, path: Path, columns: Columns) -> Events:
        """The events of a file, in its order; filtering, sorting by time and numbering happen later.

        Args:
            content: the whole file.
            path: for messages only.
            columns: which columns to read; the default where the format has none.

        Raises:
            InputError: the file is not of this format; the text names ``path``, the line and the fix.
        """
