"""One coordinator a study: the second is refused with the first one's name."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

from filelock import FileLock, Timeout

from harness.errors import EnvironmentProblem
from harness.manifest import StudyFolder


@contextmanager
def owned(folder: StudyFolder) -> Iterator[None]:
    """Hold the study, so that no second coordinator writes to it.

    Raises:
        EnvironmentProblem: another process holds it; the text names that process.
    """
    try:
        folder.path.mkdir(parents=True, exist_ok=True)
        lock = FileLock(folder.path / ".lock")
        owner = folder.path / ".owner"
        try:
            lock.acquire(timeout=0)
        except Timeout:
            holder = owner.read_text(encoding="utf-8") if owner.exists() else "another process"
            raise EnvironmentProblem(f"{folder.path} is being run by {holder}; wait for it, or stop it first") from None
        started = datetime.now(UTC).isoformat(timespec="seconds")
        owner.write_text(f"process {os.getpid()} on {socket.gethostname()} since {started}", encoding="utf-8")
    except OSError as problem:
        raise EnvironmentProblem(
            f"cannot write {folder.path}: {problem.strerror or problem}; choose another folder with --out"
        ) from problem
    try:
        yield
    finally:
        owner.unlink(missing_ok=True)
        lock.release()
