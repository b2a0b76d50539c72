"""The base class of data formats: the extension point for further file formats."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from harness.data.events import Events
from harness.errors import InputError

GUESSED = ""
"""Used as a column's name: find the column by the usual names of :mod:`harness.data.formats.naming`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Columns:
    """Which columns of a table to read, from ``data: columns`` of a study file.

    Attributes:
        user, item: names of the columns of user and item ids, or ``GUESSED``.
        time: name of the column of timestamps, or ``GUESSED``; None: the rows are in order of time.
        sep: separator of the fields in a text table; empty: the format's own.
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
    """The file seems to be of another format."""


class DataFormat(ABC):
    """A file format of data sets. A new format is one subclass, in one file.

    A plug-in registers its subclass as an entry point of the group ``ftr_study.data_formats`` and tests it with
    :func:`harness.contracts.data_format.check_data_format`. For tables, only split the file into columns;
    :func:`harness.data.formats.table.table_events` does the rest::

        class Bars(DataFormat):
            name = "bars"
            suffixes = (".bars",)
            has_columns = True

            def read(self, content: bytes, path: Path, columns: Columns) -> Events:
                header, *rows = (line.split("|") for line in decode_lines(content, path))
                return table_events(dict(zip(header, zip(*rows))), columns, path, first_line=2)

    A gzip file is unpacked before :meth:`read`; do not include ``.gz`` in a suffix.

    Attributes:
        name: name in study files, under ``data: format``.
        title: name in messages; empty: ``name``.
        suffixes: ends of file names that select the format, such as ``.csv``; may be empty.
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
        """Return the events of a file in the file's order; filtering, sorting and numbering happen later.

        Args:
            content: the whole file, unpacked.
            path: path of the file, for messages only.
            columns: which columns to read; the default if the format has none.

        Raises:
            InputError: the file is not of this format; the message names ``path``, the line and the fix.
        """
