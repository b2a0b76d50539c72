"""Text tables with a header line: CSV, TSV and other separators, read by Arrow."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv as arrow_csv

from harness.data.events import Events
from harness.data.formats.base import Columns, DataFormat, UnlikeFormatError
from harness.data.formats.naming import choose, refuse_data_as_names
from harness.data.formats.table import events_of
from harness.data.text import checked_text, name_lines, shorten
from harness.errors import InputError

_STAND_IN = "\x1f"
"""The unit separator; it replaces separators of several bytes."""

_BLOCK = 2**22
_LARGEST_BLOCK = 2**31 - 1


@dataclass(frozen=True, slots=True, kw_only=True)
class TextTable:
    """A table as lines of fields.

    Attributes:
        content: the text, checked UTF-8.
        path: path of the file, for messages.
        sep: separator between fields, one byte.
        quoted: whether fields may be in double quotes.
        has_header: whether the first line names the columns.
    """

    content: bytes
    path: Path
    sep: str
    quoted: bool = True
    has_header: bool = True

    @classmethod
    def of(cls, content: bytes, path: Path, sep: str, *, quoted: bool = True, has_header: bool = True) -> TextTable:
        """Return a table for a separator of any length; one of several bytes disables quotes.

        Raises:
            InputError: the content is not UTF-8 text, or holds the control character that replaces a long separator.
        """
        content = checked_text(content, path)
        if len(sep.encode()) > 1:
            if _STAND_IN.encode() in content:
                raise InputError(f"{path}: it holds the control character 0x1f; remove it")
            content, sep, quoted = content.replace(sep.encode(), _STAND_IN.encode()), _STAND_IN, False
        return cls(content=content, path=path, sep=sep, quoted=quoted, has_header=has_header)

    def first_fields(self) -> list[str]:
        """Return the fields of the first row."""
        return next(self._rows(), (1, []))[1]

    def columns(self, places: Sequence[int], n_fields: int) -> list[pa.ChunkedArray]:
        """Return some columns as text.

        Args:
            places: indices of the columns, from 0.
            n_fields: number of fields in every line.

        Raises:
            InputError: a line has a different number of fields, or there are no rows.
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
        """Return the file and the line numbers of some rows; a row with quotes may take several lines."""
        first = 1 + self.has_header
        lines = [first + row for row in rows]
        if self.quoted and b'"' in self.content:
            starts = [line for line, _ in self._rows()][self.has_header :]
            lines = [starts[row] for row in rows if row < len(starts)] or lines
        return f"{self.path}, {name_lines(lines)}"

    def settled(self) -> tuple[TextTable, str]:
        """Return the table with its quotes checked, and a note on them; Arrow would join rows between stray quotes.

        Fields hold no tabs, so a table separated by tabs needs no quotes. If its header has no quotes and those in the
        rows do not match, they are read as part of the text.

        Raises:
            InputError: a quoted field is not closed properly.
        """
        if not self.quoted or b'"' not in self.content:
            return self, ""
        may_be_text = self.sep == "\t" and b'"' not in self.content.partition(b"\n")[0]
        start, n_long, over_fields = 1, 0, False
        rows = self._reader(strict=True)
        try:
            for row in rows:
                if rows.line_num > start:
                    n_long += 1
                    over_fields |= any(self.sep in field and "\n" in field for field in row)
                start = rows.line_num + 1
        except csv.Error as problem:
            if not may_be_text:
                raise self._unmatched(start, rows.line_num, problem) from None
            over_fields = True
        if may_be_text and over_fields:
            return replace(self, quoted=False), "quotes are part of the text, "
        return self, f"{n_long} {'row takes' if n_long == 1 else 'rows take'} several lines, " if n_long else ""

    def _unmatched(self, start: int, end: int, problem: csv.Error) -> InputError:
        seen = "" if end == start else f" (the next quote is in line {end})"
        if "end of data" in str(problem):
            seen = " (no other quote follows)"
        slash = ', not \\"' if b'\\"' in self.content else ""
        return InputError(
            f"{self.path}, line {start}: a quote opens a field and does not close it{seen}; put quotes around "
            f'the whole field and write "" for each quote inside{slash}, or separate the fields by tabs'
        )

    def _reader(self, *, strict: bool = False) -> Any:
        quoting = csv.QUOTE_MINIMAL if self.quoted else csv.QUOTE_NONE
        text = io.TextIOWrapper(io.BytesIO(self.content), "utf-8", newline="")
        csv.field_size_limit(max(csv.field_size_limit(), len(self.content) + 1))
        return csv.reader(text, delimiter=self.sep, quoting=quoting, strict=strict)

    def _rows(self) -> Iterator[tuple[int, list[str]]]:
        """Yield the first line number of each row, and the row, by Python's reader: slow, for header and messages."""
        reader, line = self._reader(), 1
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
        return UnlikeFormatError(
            f"{self.path}, {name_lines(ragged)}: {fields} where {named} {n_fields}; give every line as many fields, "
            f"separated by {spelt(self.sep)}"
        )


class Csv(DataFormat):
    """A text table with a header, separated by commas or by ``sep``."""

    name = "csv"
    title = "CSV"
    suffixes = (".csv",)
    has_columns = True
    has_sep = True
    own_sep: ClassVar[str] = ","

    def read(self, content: bytes, path: Path, columns: Columns) -> Events:
        table = TextTable.of(content, path, columns.sep or self.own_sep)
        names = [name.strip() for name in table.first_fields()]
        if (line := ",".join(names)).startswith("sep=") and len(line) <= len("sep=::"):
            raise InputError(
                f"{path}, line 1: {shorten(line)} is a note for Excel and no header; remove the line, and name the "
                "separator under data: sep"
            )
        if len(names) < 2:
            raise InputError(
                f"{path}, line 1: one field, {shorten(''.join(names))}, read as {self.title} (fields separated by "
                f"{spelt(columns.sep or self.own_sep)}){_other_sep(''.join(names))}"
            )
        table, quotes = table.settled()
        chosen, read_as = choose(columns, names, path)
        refuse_data_as_names(columns, names, path)
        wanted = [name for name in (chosen.user, chosen.item, chosen.time) if name is not None]
        twice = [name for name in wanted if names.count(name) > 1]
        if twice:
            raise InputError(f"{path}, line 1: the column {shorten(twice[0])} occurs twice; rename one")
        found = map(trimmed, table.columns([names.index(name) for name in wanted], len(names)))
        other = f"fields separated by {spelt(columns.sep)}, " if columns.sep not in ("", self.own_sep) else ""
        cells = dict(zip(wanted, found, strict=True))
        return events_of(cells, chosen, table.where, other + quotes + read_as, names=names)


class Tsv(Csv):
    """A text table with a header, separated by tabs or by ``sep``."""

    name = "tsv"
    title = "TSV"
    suffixes = (".tsv", ".tab")
    own_sep = "\t"


def trimmed(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return a column of text without spaces and tabs around its values; names in the header are trimmed too."""
    return pc.call_function("utf8_trim", [column], pc.TrimOptions(" \t"))


def spelt(sep: str) -> str:
    """Return a separator in words."""
    return {"\t": "tabs", ",": "commas", " ": "spaces", _STAND_IN: "the same separator"}.get(sep, repr(sep))


def likely_sep(line: str) -> str:
    """Return the likely separator of the fields in a line; empty if there is none.

    >>> likely_sep("user;item;price,eur")
    ';'
    """
    return next((sep for sep in ("::", "\t", ";", "|", ",", " ") if sep in line), "")


def _other_sep(line: str) -> str:
    """Return the fix for a header with only one field."""
    sep = likely_sep(line)
    if not sep:
        return "; put a header line above the rows, such as user_id,item_id,timestamp"
    return f"; it seems to be separated by {spelt(sep)}, so add {in_yaml(sep)}"


def in_yaml(sep: str) -> str:
    """Return a separator as written in a study file."""
    return 'sep: "\\t"' if sep == "\t" else f"sep: {sep!r}"
