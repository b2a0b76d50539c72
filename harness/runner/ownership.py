"""One coordinator a study: the second is refused with the first one's name."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from filelock import FileLock, Timeout

from harness.errors import EnvironmentProblem
from harness.results.folder import StudyFolder


@contextmanager
def owned(folder: StudyFolder) -> Iterator[None]:
    """Hold the study's folder, so that no second coordinator writes to it.

    Raises:
        EnvironmentProblem: another process holds it; the text names that process.
    """
    with held(folder.path / ".lock", folder.path / ".owner", str(folder.path), "--out"):
        yield


@contextmanager
def held(lock_file: Path, owner: Path, what: str, option: str) -> Iterator[None]:
    """Hold a lock that a process which dies gives up.

    Args:
        lock_file: whose lock it is.
        owner: says who holds it.
        what: is held, in words.
        option: the command-line option that names another place.

    Raises:
        EnvironmentProblem: another process holds it, or the folder cannot be written.
    """
    try:
        lock_file.parent.mkdir(parents=True, exist_ok=True)
        lock = FileLock(lock_file)
        try:
            lock.acquire(timeout=0)
        except Timeout:
            holder = owner.read_text(encoding="utf-8") if owner.exists() else "another process"
            raise EnvironmentProblem(f"{what} is being run by {holder}; wait for it, or stop it first") from None
        started = datetime.now(UTC).isoformat(timespec="seconds")
        owner.write_text(f"process {os.getpid()} on {socket.gethostname()} since {started}", encoding="utf-8")
    except OSError as problem:
        raise EnvironmentProblem(
            f"cannot write {lock_file.parent}: {problem.strerror or problem}; free space or choose another folder with "
            f"{option}"
        ) from problem
    try:
        yield
    finally:
        owner.unlink(missing_ok=True)
        lock.release()
