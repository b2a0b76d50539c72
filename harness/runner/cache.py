"""Arrays that several cells share, cached by content below the output folder and built once under a lock."""

from __future__ import annotations

import hashlib
import io
import logging
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from filelock import FileLock
from numpy.typing import NDArray

from harness.records import write_atomically

log = logging.getLogger(__name__)

_CHECKSUM_BYTES = 64


def cached_array(path: Path, build: Callable[[], NDArray[Any]]) -> NDArray[Any]:
    """The array at ``path``; built and written there first where it is missing or damaged.

    A damaged file is named in the log, set aside as ``*.damaged`` and built anew.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(path.with_suffix(".lock")):
        found = read_array(path)
        if found is None:
            found = build()
            archive = io.BytesIO()
            np.save(archive, found, allow_pickle=False)
            payload = archive.getvalue()
            write_atomically(path, hashlib.sha256(payload).hexdigest().encode() + payload)
    return found


def read_array(path: Path) -> NDArray[Any] | None:
    """The array at ``path``, or None where there is none or it was damaged and set aside."""
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return None
    checksum, payload = content[:_CHECKSUM_BYTES], content[_CHECKSUM_BYTES:]
    if hashlib.sha256(payload).hexdigest().encode() != checksum:
        aside = path.with_suffix(".damaged")
        path.replace(aside)
        log.warning("%s is damaged; set aside as %s and built anew", path, aside.name)
        return None
    return np.load(io.BytesIO(payload), allow_pickle=False)


def slug_of(text: str) -> str:
    """A file name made of the letters, digits, dots and dashes of ``text``."""
    return re.sub(r"[^A-Za-z0-9.-]+", "_", text)
