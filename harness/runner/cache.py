"""Arrays that several cells share, cached by content below the output folder and built once under a lock."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.errors import EnvironmentProblem
from harness.files import DamagedFileError, locked, seal, set_aside, sweep, unseal, write_atomically

_MAGIC = b"ftr-study array 1\n"


class DamagedArrayError(EnvironmentProblem):
    """A cached array whose checksum does not match its content."""


def cached_array(path: Path, build: Callable[[], NDArray[Any]], tell: Callable[[str], None]) -> NDArray[Any]:
    """The array at ``path``; built and written there first where it is missing or damaged.

    A damaged file is named in the log, set aside as ``*.damaged`` and built anew.

    Args:
        path: the file; a lock lies beside it.
        build: computes the array.
        tell: told when another process is building it.

    Raises:
        EnvironmentProblem: the folder cannot be written.
    """
    with locked(path, tell, option="--out"):
        sweep(path.parent)
        try:
            found = read_array(path)
        except DamagedArrayError:
            set_aside(path, "its checksum does not match its content", then="built anew")
            found = None
        if found is None:
            found = build()
            archive = io.BytesIO()
            np.save(archive, found, allow_pickle=False)
            write_atomically(path, seal(_MAGIC, archive.getvalue()))
    return found


def read_array(path: Path) -> NDArray[Any] | None:
    """The array at ``path``, or None where there is none.

    Raises:
        DamagedArrayError: its checksum does not match; the file is left as it is.
    """
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return None
    try:
        payload = unseal(_MAGIC, content)
    except DamagedFileError as problem:
        raise DamagedArrayError(f"{path} is damaged ({problem}); run the study again to build it anew") from problem
    return np.load(io.BytesIO(payload), allow_pickle=False)
