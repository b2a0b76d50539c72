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
    suffixes = (".events", ".evts")
    has_columns = True

    def read(self, content: bytes, path: Path, columns: Columns) -> Events:
        rows: list[dict[str, object]] = []
        for line, text in enumerate(decode_lines(content, path), start=1):
            try:
                row = json.loads(text)
            except (ValueError, RecursionError):
                row = None
            names = list(rows[0]) if rows else []
            if not isinstance(row, dict) or not set(names) <= set(row):
                raise InputError(f"{path}, line {line}: no JSON object with {', '.join(names)}; write one a line")
            rows.append(row)
        return table_events({name: [str(row[name]) for row in rows] for name in rows[0]}, columns, path, first_line=1)
