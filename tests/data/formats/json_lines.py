"""A data format from outside, whole: one JSON object a line."""

from __future__ import annotations

import json
from pathlib import Path

from harness.data.events import Events
from harness.data.formats.base import Columns, DataFormat
from harness.data.formats.table import table_events
from harness.data.text import decode_lines
from harness.errors import InputError


class JsonLines(DataFormat):
    """One interaction a line, such as ``{"user_id": "ann", "item_id": 7, "timestamp": 1}``."""

    name = "json-lines"
    suffixes = (".jsonl", ".ndjson")
    has_columns = True

    def read(self, content: bytes, path: Path, columns: Columns) -> Events:
        names = [name for name in (columns.user, columns.item, columns.time) if name is not None]
        table: dict[str, list[str]] = {name: [] for name in names}
        for line, text in enumerate(decode_lines(content, path), start=1):
            try:
                row = json.loads(text)
            except (ValueError, RecursionError):
                row = None
            if not isinstance(row, dict) or not set(names) <= set(row):
                raise InputError(f"{path}, line {line}: no JSON object with {', '.join(names)}; write one a line")
            for name in names:
                table[name].append(str(row[name]))
        return table_events(table, columns, path, first_line=1)
