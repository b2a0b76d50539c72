"""Parsed data sets on disk: one file each, checked when read; its name is a key of everything that affects it."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.data.interactions import Interactions
from harness.data.report import FileReport, tied_events
from harness.files import Sealed

_ARRAYS = ("items", "offsets", "user_labels", "item_labels")
_TIMES = "times"
_REPORT = ("rows", "dropped", "tied_share", "notes", "read_as")


def write_parsed(path: Path, data: Interactions) -> None:
    """Write a parsed data set to ``path``.

    Raises:
        EnvironmentProblem: the folder cannot be written.
    """
    described = json.dumps({name: getattr(data.load_report, name) for name in _REPORT}).encode()
    arrays = {name: getattr(data, name) for name in _ARRAYS} | {"tied": np.packbits(tied_events(data))}
    if data.times is not None:
        arrays[_TIMES] = data.times
    _PARSED.write(path, {**arrays, "described": np.frombuffer(described, dtype=np.uint8)})


def read_parsed(path: Path, *, name: str, source: str) -> Interactions | None:
    """Return the data set kept at ``path``, with the caller's ``name`` and ``source``; None if there is none.

    A damaged file is set aside as ``*.damaged`` with a warning, and None is returned.
    """
    kept = _PARSED.read(path)
    if kept is None:
        return None
    tied = np.unpackbits(kept["tied"], count=len(kept["items"])).astype(bool)
    report = FileReport(source=source, tied=tied, **json.loads(kept["described"].tobytes()))
    arrays = {each: kept[each] for each in _ARRAYS}
    return Interactions(name=name, load_report=report, times=kept.get(_TIMES), **arrays)


def _encoded(arrays: Mapping[str, Any]) -> bytes:
    archive = io.BytesIO()
    np.savez(archive, **arrays)
    return archive.getvalue()


def _decoded(payload: bytes) -> Mapping[str, NDArray[Any]]:
    with np.load(io.BytesIO(payload), allow_pickle=False) as archive:
        times = (_TIMES,) if _TIMES in archive else ()
        return {name: archive[name] for name in (*_ARRAYS, "tied", "described", *times)}


_PARSED = Sealed(title="parsed data 3", encode=_encoded, decode=_decoded, then="parsed again", option="--data-dir")
