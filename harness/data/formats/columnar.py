"""Parquet and Feather: typed columns as written by pandas, polars and Spark, read by Arrow."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
from pyarrow import feather, parquet

from harness.data.events import Events
from harness.data.formats.base import Columns, DataFormat
from harness.data.formats.naming import choose
from harness.data.formats.table import events_of
from harness.data.text import name_lines
from harness.errors import InputError


class Columnar(DataFormat):
    """A file that Arrow reads column by column."""

    has_columns = True

    def read(self, content: bytes, path: Path, columns: Columns) -> Events:
        try:
            names = self.names(content)
        except (pa.ArrowException, OSError, ValueError) as problem:
            raise self._unreadable(path, problem) from None
        chosen, read_as = choose(columns, names, path)
        wanted = [name for name in (chosen.user, chosen.item, chosen.time) if name is not None]
        try:
            table = self.table(content, wanted)
            table.validate(full=True)
        except (pa.ArrowException, OSError, ValueError) as problem:
            raise self._unreadable(path, problem) from None
        if not table.num_rows:
            raise InputError(f"{path} has no rows; it needs at least one interaction")

        def where(rows: Sequence[int]) -> str:
            return f"{path}, {name_lines([row + 1 for row in rows], 'row')}"

        return events_of({name: table.column(name) for name in wanted}, chosen, where, read_as, names=names)

    @abstractmethod
    def names(self, content: bytes) -> list[str]:
        """Return the names of the columns."""

    @abstractmethod
    def table(self, content: bytes, names: list[str]) -> pa.Table:
        """Return the columns with these names."""

    def _unreadable(self, path: Path, problem: Exception) -> InputError:
        why = (str(problem).splitlines() or [""])[0][:200]
        return InputError(f"{path} cannot be read as {self.title}: {why}; write it again, or name its format:")


class Parquet(Columnar):
    """Parquet, with any compression that Arrow supports."""

    name = "parquet"
    title = "Parquet"
    suffixes = (".parquet", ".pq")

    def names(self, content: bytes) -> list[str]:
        return list(parquet.read_schema(pa.BufferReader(content)).names)

    def table(self, content: bytes, names: list[str]) -> pa.Table:
        return parquet.read_table(pa.BufferReader(content), columns=names, use_pandas_metadata=False)


class Feather(Columnar):
    """Feather, Arrow's file format."""

    name = "feather"
    title = "Feather"
    suffixes = (".feather", ".arrow")

    def names(self, content: bytes) -> list[str]:
        return list(pa.ipc.open_file(pa.BufferReader(content)).schema.names)

    def table(self, content: bytes, names: list[str]) -> pa.Table:
        return feather.read_table(pa.BufferReader(content), columns=names)
