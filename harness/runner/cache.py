"""Arrays that several cells share, cached by content below the output folder and built once under a lock."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.errors import EnvironmentProblem
from harness.files import DamagedFileError, Sealed, in_words, locked, sweep
from harness.stopping import nothing


def cached_array(
    path: Path, build: Callable[[], NDArray[Any]], tell: Callable[[str], None], meanwhile: Callable[[], None] = nothing
) -> NDArray[Any]:
    """Return the array at ``path``; it is built and written first if it is missing or damaged.

    Args:
        path: the file; its lock file is next to it.
        build: computes the array.
        tell: called with a message if another process is building it.
        meanwhile: called repeatedly while waiting for that process.

    Raises:
        harness.errors.EnvironmentProblem: the folder cannot be written.
    """
    with locked(path, tell, option="--out", meanwhile=meanwhile):
        sweep(path.parent)
        found = _ARRAY.read(path)
        if found is None:
            found = build()
            _ARRAY.write(path, found)
    return found


def read_array(path: Path) -> NDArray[Any] | None:
    """Return the array at ``path``; None if there is no file.

    Raises:
        EnvironmentProblem: it cannot be read or is damaged. The file is not changed: others may be rebuilding it.
    """
    try:
        return _ARRAY.unpack(path.read_bytes())
    except FileNotFoundError:
        return None
    except OSError as problem:
        raise in_words(path, problem, "--out") from problem
    except DamagedFileError as problem:
        raise EnvironmentProblem(f"{path} is damaged ({problem}); run the study again to build it anew") from problem


def _encoded(array: NDArray[Any]) -> bytes:
    content = io.BytesIO()
    np.save(content, array, allow_pickle=False)
    return content.getvalue()


def _decoded(payload: bytes) -> NDArray[Any]:
    return np.load(io.BytesIO(payload), allow_pickle=False)


_ARRAY = Sealed(title="array 1", encode=_encoded, decode=_decoded, then="rebuilt")
