"""Text tables under a header line: CSV, TSV and any other separator, read by Arrow."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import pyarrow as pa
from pyarrow import csv as arrow_csv

from harness.data.events import Events
from harness.data.formats.base import Columns, DataFormat
from harness.data.formats.naming import choose
from harness.data.formats.table import events_of
from harness.data.text import checked_text, name_lines, shorten
from harness.errors import InputError

_STAND_IN = "\x1f"
"""The unit separator, in place of a separator of several bytes."""

_BLOCK = 2**22
_LARGEST_BLOCK = 2**31 - 1


@dataclass(frozen=True, slots=True, kw_only=True)
class TextTable:
    """Lines of fields.

    Attributes:
        content: UTF-8, checked.
        path: for messages.
        sep: one byte between fields.
        quoted: whether a field may stand in double quotes.
        has_header: whether the first line names the columns.
    """

    content: bytes
    path: Path
    sep: str
    quoted: bool = True
    has_header: bool = True

    @classmethod
    def of(cls, content: bytes, path: Path, sep: str, *, quoted: bool = True, has_header: bool = True) -> TextTable:
        """A table with a separator of any length.

        Raises:
            InputError: the content is no text.
        """
        content = checked_text(content, path)
        if len(sep.encode()) > 1:
            if _STAND_IN.encode() in content:
                raise InputError(f"{path}: it holds the control character 0x1f; remove it")
            content, sep, quoted = content.replace(sep.encode(), _STAND_IN.encode()), _STAND_IN, False
        return cls(content=content, path=path, sep=sep, quoted=quoted, has_header=has_header)

    def first_fields(self) -> list[str]:
        """The fields of the first row."""
        return next(self._rows(), (1, []))[1]

    def columns(self, places: Sequence[int], n_fields: int) -> list[pa.ChunkedArray]:
        """Some columns as text.

        Args:
            places: which, from 0.
            n_fields: of every line.

        Raises:
            InputError: a line has another number of fields, or there is none.
        """
        names = [str(place) for place in places]
        types = {name: pa.string() for name in names}
        block = _BLOCK
        while True:
            try:
                read = arrow_csv.read_csv(
                    pa.BufferReader(self.content),
                    arrow_csv.ReadOptions(
                        column_names=[str(place) for place in range(n_fields)],
                        skip_rows_after_names=int(self.has_header),
                        block_size=block,
                    ),
                    arrow_csv.ParseOptions(
                        delimiter=self.sep,
                        quote_char='"' if self.quoted else False,
                        newlines_in_values=self.quoted and b'"' in self.content,
                        ignore_empty_lines=False,
                    ),
                    arrow_csv.ConvertOptions(include_columns=names, column_types=types, strings_can_be_null=False),
                )
            except pa.ArrowInvalid as problem:
                if "straddling" in str(problem) and block < min(len(self.content), _LARGEST_BLOCK):
                    block = min(block * 16, _LARGEST_BLOCK)
                    continue
                raise self._explained(n_fields, problem) from None
            return [read.column(name) for name in names]

    def where(self, rows: Sequence[int]) -> str:
        """The file and the lines of some rows; a row in quotes may take several lines."""
        first = 1 + self.has_header
        lines = [first + row for row in rows]
        if self.quoted and b'"' in self.content:
            starts = [line for line, _ in self._rows()][self.has_header :]
            lines = [starts[row] for row in rows if row < len(starts)] or lines
        return f"{self.path}, {name_lines(lines)}"

    def _rows(self) -> Iterator[tuple[int, list[str]]]:
        """Each row with the line that it starts in, by Python's own reader: slow, for the header and for messages."""
        quoting = csv.QUOTE_MINIMAL if self.quoted else csv.QUOTE_NONE
        text = io.TextIOWrapper(io.BytesIO(self.content), "utf-8", newline="")
        csv.field_size_limit(max(csv.field_size_limit(), len(self.content) + 1))
        reader, line = csv.reader(text, delimiter=self.sep, quoting=quoting), 1
        for row in reader:
            yield line, row
            line = reader.line_num + 1

    def _explained(self, n_fields: int, problem: pa.ArrowInvalid) -> InputError:
        ragged: list[int] = []
        found, n_rows = 0, 0
        for line, row in self._rows():
            n_rows += 1
            if len(row) != n_fields and row:
                found = found or len(row)
                ragged.append(line)
        if n_rows == int(self.has_header):
            return InputError(f"{self.path} has a header but no rows; it needs at least one interaction")
        if not ragged:
            why = str(problem).partition("\n")[0][:200]
            return InputError(f"{self.path} cannot be read as a table: {why}; check its quotes")
        named = "the header names" if self.has_header else "line 1 has"
        fields = f"{found} {'field' if found == 1 else 'fields'}"
        return InputError(
            f"{self.path}, {name_lines(ragged)}: {fields} where {named} {n_fields}; give every line as many fields, "
            f"separated by {_spelt(self.sep)}"
        )


class Csv(DataFormat):
    """A text table under a header; commas, or what ``sep`` says."""

    name = "csv"
    title = "CSV"
    suffixes = (".csv",)
    has_columns = True
    has_sep = True
    own_sep: ClassVar[str] = ","

    def read(self, content: bytes, path: Path, columns: Columns) -> Events:
        table = TextTable.of(content, path, columns.sep or self.own_sep)
        names = [name.strip() for name in table.first_fields()]
        if len(names) < 2:
            raise InputError(
                f"{path}, line 1: one field, {shorten(''.join(names))}, read as {self.title} (fields separated by "
                f"{_spelt(columns.sep or self.own_sep)}){_other_sep(''.join(names))}"
            )
        chosen, read_as = choose(columns, names, path)
        wanted = [name for name in (chosen.user, chosen.item, chosen.time) if name is not None]
        twice = [name for name in wanted if names.count(name) > 1]
        if twice:
            raise InputError(f"{path}, line 1: the column {shorten(twice[0])} occurs twice; rename one")
        found = table.columns([names.index(name) for name in wanted], len(names))
        other = f"fields separated by {_spelt(columns.sep)}, " if columns.sep not in ("", self.own_sep) else ""
        return events_of(dict(zip(wanted, found, strict=True)), chosen, table.where, other + read_as)


class Tsv(Csv):
    """The same with tabs."""

    name = "tsv"
    title = "TSV"
    suffixes = (".tsv", ".tab")
    own_sep = "\t"


def _spelt(sep: str) -> str:
    return {"\t": "tabs", ",": "commas", " ": "spaces", _STAND_IN: "the same separator"}.get(sep, repr(sep))


def _other_sep(line: str) -> str:
    """The fix for a header that is one field."""
    likely = [sep for sep in ("::", "\t", ";", "|", ",", " ") if sep in line]
    if not likely:
        return "; put a header line above the rows, such as user_id,item_id,timestamp"
    return f"; it seems to be separated by {_spelt(likely[0])}, so add sep: {likely[0]!r}".replace("'\\t'", '"\\t"')
