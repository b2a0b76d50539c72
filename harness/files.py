"""Files that are written whole or not at all, sealed by a checksum, locked while made, set aside if damaged."""

from __future__ import annotations

import contextlib
import hashlib
import logging
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import filelock

from harness.errors import EnvironmentProblem

log = logging.getLogger(__name__)


T = TypeVar("T")


_WRITING = ".writing-"


_STALE_S = 3600.0


def write_atomically(path: Path, content: bytes, *, option: str = "--out") -> None:
    """Write a file so that it is either whole or absent, whenever the process or the machine stops.

    The message of a failure names ``option`` as the way to another folder.

    Raises:
        EnvironmentProblem: the folder cannot be written or the disk is full; nothing half-written remains.
    """
    temporary: Path | None = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=path.parent, prefix=_WRITING, delete=False) as handle:
            temporary = Path(handle.name)
            handle.write(content)
            handle.flush()
            os.fsync(handle.fileno())
        temporary.replace(path)
    except OSError as problem:
        raise EnvironmentProblem(
            f"cannot write {path}: {problem.strerror or problem}; free space or choose another folder with {option}"
        ) from problem
    finally:
        if temporary is not None:
            temporary.unlink(missing_ok=True)


def sweep(folder: Path) -> None:
    """Remove the temporary files that killed processes left there: those of an hour ago, which nobody writes now.

    Raises:
        OSError: the folder cannot be written.
    """
    for path in folder.glob(f"{_WRITING}*"):
        with contextlib.suppress(FileNotFoundError):
            if time.time() - path.stat().st_mtime > _STALE_S:
                path.unlink()


def set_aside(path: Path, why: str, *, then: str, option: str = "--out") -> None:
    """Rename a damaged file to ``*.damaged`` and say so, so that it is never read again.

    Args:
        path: of the file; where another process has set it aside just now, nothing is left to do.
        why: it is thought to be damaged.
        then: what becomes of its content, for the log.
        option: the command-line option that names another folder.

    Raises:
        EnvironmentProblem: the folder cannot be written.
    """
    aside = path.with_name(f"{path.name}.damaged")
    try:
        path.replace(aside)
    except FileNotFoundError:
        return
    except OSError as problem:
        raise EnvironmentProblem(
            f"{path} is damaged ({why}) and cannot be set aside: {problem.strerror or problem}; remove it or choose "
            f"another folder with {option}"
        ) from problem
    log.warning("%s is damaged (%s); set aside as %s and %s", path, why, aside.name, then)


def read_or_set_aside(path: Path, decode: Callable[[bytes], T]) -> T | None:
    """What ``decode`` reads from the file; None where there is none or where it was damaged.

    A damaged file is named in the log, set aside as ``*.damaged`` and never read again.
    """
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return None
    try:
        return decode(content)
    except DamagedFileError as problem:
        set_aside(path, str(problem), then="run again")
        return None


_LINE = 65
"""A SHA-256 in hexadecimal digits and the end of its line."""


class DamagedFileError(Exception):
    """Bytes whose first line, checksum or layout is wrong; the text says which."""


def seal(magic: bytes, payload: bytes) -> bytes:
    """A magic line, the SHA-256 of the rest in a line of its own, then the rest.

    Args:
        magic: what the file is and its version, ending in a newline.
        payload: the rest.
    """
    return magic + hashlib.sha256(payload).hexdigest().encode() + b"\n" + payload


def unseal(magic: bytes, content: bytes) -> bytes:
    r"""The payload that :func:`seal` closed.

    Raises:
        DamagedFileError: the first line is another one, or the checksum does not match.

    >>> unseal(b"mine 1\n", seal(b"mine 1\n", b"payload"))
    b'payload'
    """
    if not content.startswith(magic):
        raise DamagedFileError("it does not start as such a file does")
    checksum, payload = content[len(magic) :][:_LINE], content[len(magic) + _LINE :]
    if checksum != hashlib.sha256(payload).hexdigest().encode() + b"\n":
        raise DamagedFileError("its checksum does not match its content")
    return payload


@contextmanager
def locked(path: Path, progress: Callable[[str], None], *, option: str = "--data-dir") -> Iterator[None]:
    """Hold the lock beside ``path``; a process that dies gives it up.

    Args:
        path: what is locked.
        progress: told when another process holds it.
        option: the command-line option that names another folder.

    Raises:
        EnvironmentProblem: the folder cannot be written.
    """
    lock = filelock.FileLock(path.with_name(f".{path.name}.lock"))
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            lock.acquire(blocking=False)
        except filelock.Timeout:
            progress(f"waiting for another process that is at work on {path.name}")
            lock.acquire(poll_interval=0.2)
    except OSError as problem:
        raise EnvironmentProblem(
            f"cannot write {path.parent}: {problem.strerror or problem}; free space or choose another folder with "
            f"{option}"
        ) from problem
    try:
        yield
    finally:
        lock.release()
