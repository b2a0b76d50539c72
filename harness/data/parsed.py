"""Parsed data sets on disk: one checked file each, under a key of everything that decides the content."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any, cast

import numpy as np

from harness.data.interactions import Interactions, LoadReport
from harness.files import DamagedFileError, seal, set_aside, unseal, write_atomically

_MAGIC = b"ftr-study parsed data 1\n"
_ARRAYS = ("items", "offsets", "user_labels", "item_labels")


def write_parsed(path: Path, data: Interactions) -> None:
    """Keep a parsed data set: a magic line, the SHA-256 of the rest, then an ``.npz`` archive.

    Raises:
        EnvironmentProblem: the folder cannot be written.
    """
    report = data.load_report
    described = {"rows": report.rows, "dropped": report.dropped, "tied_share": report.tied_share, "notes": report.notes}
    archive = io.BytesIO()
    np.savez(
        archive,
        described=np.frombuffer(json.dumps(described).encode(), dtype=np.uint8),
        **{name: getattr(data, name) for name in _ARRAYS},
    )
    write_atomically(path, seal(_MAGIC, archive.getvalue()), option="--data-dir")


def read_parsed(path: Path, *, name: str, source: str) -> Interactions | None:
    """The data set kept at ``path`` under the caller's name for it; None where there is none.

    A damaged file is set aside as ``*.damaged`` with a warning, and None returned.
    """
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return None
    try:
        payload = unseal(_MAGIC, content)
    except DamagedFileError as problem:
        set_aside(path, str(problem), then="parsed again", option="--data-dir")
        return None
    with np.load(io.BytesIO(payload), allow_pickle=False) as archive:
        described = cast("dict[str, Any]", json.loads(archive["described"].tobytes()))
        arrays = {name: archive[name] for name in _ARRAYS}
    return Interactions(name=name, load_report=LoadReport(source=source, **described), **arrays)
