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
    """The array at ``path``; built and written there first where it is missing or damaged.

    Args:
        path: the file; a lock lies beside it.
        build: computes the array.
        tell: told when another process is building it.
        meanwhile: called again and again while that is awaited.

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
    """The array at ``path``; None where there is none.

    Raises:
        EnvironmentProblem: it may not be read, or is damaged; it is left as it is: others may be building it anew.
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
