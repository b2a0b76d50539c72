"""Files: atomic writes, checksums, locks, and damaged files that are set aside."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import logging
import os
import socket
import time
import uuid
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Generic, NoReturn, TypeVar

import filelock

from harness.errors import EnvironmentProblem

log = logging.getLogger(__name__)

T = TypeVar("T")

_WRITING = ".writing-"
_STALE_S = 3600.0
_WAIT_S = 0.2
_LINE = 65
"""Length of a SHA-256 in hexadecimal digits and its newline."""


def write_atomically(path: Path, content: bytes, *, option: str = "--out") -> None:
    """Write a file atomically: it is never partly written, even if the process or the machine stops.

    The error message names ``option`` as the way to choose another folder.

    Raises:
        EnvironmentProblem: the folder cannot be written or the disk is full; no partial file remains.
    """
    # Opened normally, so that umask and the folder's default ACL set the permissions; tempfile's would be 0600.
    temporary = path.with_name(f"{_WRITING}{uuid.uuid4().hex}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with temporary.open("xb") as handle:
            handle.write(content)
            handle.flush()
            os.fsync(handle.fileno())
        temporary.replace(path)
    except OSError as problem:
        raise in_words(path, problem, option) from problem
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)


def sweep(folder: Path) -> None:
    """Remove temporary files that killed processes left in the folder: those older than an hour.

    Raises:
        OSError: the folder cannot be written.
    """
    for path in folder.glob(f"{_WRITING}*"):
        with contextlib.suppress(FileNotFoundError):
            if time.time() - path.stat().st_mtime > _STALE_S:
                path.unlink()


def set_aside(path: Path, why: str, *, then: str, option: str = "--out") -> None:
    """Rename a damaged file to ``*.damaged``, so that it is not read again, and log a warning.

    Args:
        path: the file; if another process has already set it aside, this does nothing.
        why: why it counts as damaged.
        then: what happens to its content, for the log.
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
        said = problem.strerror or problem
        raise EnvironmentProblem(
            f"{path} is damaged ({why}) and cannot be set aside: {said}; remove it, or {_fix(problem, option)}"
        ) from problem
    log.warning("%s is damaged (%s); set aside as %s and %s", path, why, aside.name, then)


class DamagedFileError(Exception):
    """The first line, the checksum or the layout of a file is wrong; the text says which."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sealed(Generic[T]):
    r"""A file format that is checked at reading: a title line, a line with the payload's SHA-256, the payload.

    Attributes:
        title: name and version of the format, in the first line.
        encode, decode: convert a value to the payload and back. A ValueError, KeyError or TypeError of ``decode`` means
            that the layout is not the one of this version.
        then: what happens to a damaged file's content, for the log.
        option: the command-line option that names another folder.

    >>> words = Sealed(title="words 1", encode=str.encode, decode=bytes.decode)
    >>> words.unpack(words.pack("payload"))
    'payload'
    """

    title: str
    encode: Callable[[T], bytes]
    decode: Callable[[bytes], T]
    then: str = "run again"
    option: str = "--out"

    @property
    def _start(self) -> bytes:
        return f"ftr-study {self.title}\n".encode()

    def pack(self, value: T) -> bytes:
        """Return the complete content of the file."""
        payload = self.encode(value)
        return self._start + hashlib.sha256(payload).hexdigest().encode() + b"\n" + payload

    def unpack(self, content: bytes) -> T:
        """Return the value from content written by :meth:`pack`.

        Raises:
            DamagedFileError: the first line, the checksum or the layout is wrong.
        """
        if not content.startswith(self._start):
            raise DamagedFileError("it does not start as such a file does")
        rest = content[len(self._start) :]
        if rest[:_LINE] != hashlib.sha256(rest[_LINE:]).hexdigest().encode() + b"\n":
            raise DamagedFileError("its checksum does not match its content")
        try:
            return self.decode(rest[_LINE:])
        except (ValueError, KeyError, TypeError, zipfile.BadZipFile) as problem:
            raise DamagedFileError(f"its layout is not the one of this version: {problem}") from problem

    def write(self, path: Path, value: T) -> None:
        """Write the file atomically.

        Raises:
            EnvironmentProblem: the folder cannot be written.
        """
        write_atomically(path, self.pack(value), option=self.option)

    def read(self, path: Path) -> T | None:
        """Return the value in the file; None if there is no file, or if it was damaged and has been set aside.

        Raises:
            EnvironmentProblem: the file cannot be read, or it is damaged and the folder cannot be written.
        """
        try:
            return self.unpack(path.read_bytes())
        except FileNotFoundError:
            return None
        except OSError as problem:
            raise in_words(path, problem, self.option) from problem
        except DamagedFileError as problem:
            set_aside(path, str(problem), then=self.then, option=self.option)
            return None


@contextmanager
def locked(
    path: Path,
    busy: Callable[[str], None],
    *,
    what: str = "",
    option: str = "--data-dir",
    meanwhile: Callable[[], None] | None = None,
) -> Iterator[None]:
    """Hold a lock file next to ``path`` inside the block; the lock is released if the process dies in any way.

    Args:
        path: what is locked; it need not exist.
        busy: called with a text that names the process that holds the lock; return to wait, or raise as :func:`refuse`.
        what: what is locked, in words; default: the file's name.
        option: the command-line option that names another folder.
        meanwhile: called repeatedly while waiting for the lock.

    Raises:
        EnvironmentProblem: the folder cannot be written.
    """
    lock = filelock.FileLock(path.with_name(f".{path.name}.lock"))
    owner = path.with_name(f".{path.name}.owner")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            lock.acquire(blocking=False)
        except filelock.Timeout:
            holder = _text(owner) or "another process"
            busy(f"{what or path.name} is in use by {holder}")
            while not lock.is_locked:
                with contextlib.suppress(filelock.Timeout):
                    lock.acquire(timeout=_WAIT_S)
                if meanwhile is not None and not lock.is_locked:
                    meanwhile()
        started = datetime.now(UTC).isoformat(timespec="seconds")
        owner.unlink(missing_ok=True)  # a killed run of another user may have left a file that we cannot write
        owner.write_text(f"process {os.getpid()} on {socket.gethostname()} since {started}", encoding="utf-8")
    except OSError as problem:
        raise in_words(path.parent, problem, option) from problem
    try:
        yield
    finally:
        owner.unlink(missing_ok=True)
        lock.release()


def refuse(said: str) -> NoReturn:
    """Raise instead of waiting for a lock.

    Raises:
        EnvironmentProblem: always; the text names the holder.
    """
    raise EnvironmentProblem(f"{said}; wait for it, or stop it first") from None


def in_words(path: Path, problem: OSError, option: str) -> EnvironmentProblem:
    """Return an operating system error in words, with the fix: disk full, no permission, or another reason.

    Args:
        path: what was to be read or written; if the problem's own file cannot be read, that file is named.
        problem: the error as raised.
        option: the command-line option that names another folder.
    """
    said, may_not = problem.strerror or str(problem), problem.errno in _NO_RIGHT
    closed = _closed(Path(os.fsdecode(problem.filename)) if isinstance(problem.filename, str | bytes) else path)
    if may_not and closed is not None:
        return EnvironmentProblem(f"cannot read {closed}: {said}; ask its owner for read permission")
    return EnvironmentProblem(f"cannot write {path}: {said}; {_fix(problem, option)}")


_NO_RIGHT = (errno.EACCES, errno.EPERM)
_NO_ROOM = (errno.ENOSPC, errno.EDQUOT)


def _fix(problem: OSError, option: str) -> str:
    elsewhere = f"choose another folder with {option}"
    if problem.errno in _NO_ROOM:
        return f"free space or {elsewhere}"
    return f"ask its owner for write permission or {elsewhere}" if problem.errno in _NO_RIGHT else elsewhere


def _closed(path: Path) -> Path | None:
    """Return the file, or the first folder on its path, that this user cannot read; None if there is none."""
    for each in reversed((path, *path.parents)):
        if os.path.isdir(each) and not os.access(each, os.X_OK):  # noqa: PTH112 - Path.is_dir fails on a too long name
            return each
    return path if os.path.isfile(path) and not os.access(path, os.R_OK) else None  # noqa: PTH113 - likewise


def _text(path: Path) -> str:
    """Return the file's text; empty if it cannot be read."""
    with contextlib.suppress(OSError):
        return path.read_text(encoding="utf-8")
    return ""
