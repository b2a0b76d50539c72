"""Files that are written whole or not at all, sealed by a checksum, locked while in use, set aside if damaged."""

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
"""A SHA-256 in hexadecimal digits and the end of its line."""


def write_atomically(path: Path, content: bytes, *, option: str = "--out") -> None:
    """Write a file so that it is either whole or absent, whenever the process or the machine stops.

    The message of a failure names ``option`` as the way to another folder.

    Raises:
        EnvironmentProblem: the folder cannot be written or the disk is full; nothing half-written remains.
    """
    # Opened as any file is, so that umask and the folder's default ACL decide who may read it; tempfile's are 0600.
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
        said = problem.strerror or problem
        raise EnvironmentProblem(
            f"{path} is damaged ({why}) and cannot be set aside: {said}; remove it, or {_fix(problem, option)}"
        ) from problem
    log.warning("%s is damaged (%s); set aside as %s and %s", path, why, aside.name, then)


class DamagedFileError(Exception):
    """Bytes whose first line, checksum or layout is wrong; the text says which."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sealed(Generic[T]):
    r"""A kind of file that is checked when it is read: a first line, the SHA-256 of the rest in a line, the rest.

    Attributes:
        title: what the file is and its version; the first line.
        encode, decode: a value as the rest, and back. A ValueError, KeyError or TypeError of ``decode`` means another
            layout than this version's.
        then: what becomes of a damaged file's content, for the log.
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
        """The whole content of the file."""
        payload = self.encode(value)
        return self._start + hashlib.sha256(payload).hexdigest().encode() + b"\n" + payload

    def unpack(self, content: bytes) -> T:
        """The value that :meth:`pack` sealed.

        Raises:
            DamagedFileError: the first line is another one, the checksum does not match, or the layout is another.
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
        """Write the file, whole or not at all.

        Raises:
            EnvironmentProblem: the folder cannot be written.
        """
        write_atomically(path, self.pack(value), option=self.option)

    def read(self, path: Path) -> T | None:
        """The value in the file; None where there is no file, or where it was damaged and set aside.

        Raises:
            EnvironmentProblem: it may not be read, or is damaged and the folder cannot be written.
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
    """Hold the lock beside ``path``; a process that dies gives it up, however it dies.

    Args:
        path: what is locked; it need not exist.
        busy: told which other process holds it; it returns in order to wait, or raises, as :func:`refuse` does.
        what: is locked, in words; the file's name without them.
        option: the command-line option that names another folder.
        meanwhile: called again and again while the lock is awaited.

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
        owner.unlink(missing_ok=True)  # a killed run of another user may have left one that is not ours to write
        owner.write_text(f"process {os.getpid()} on {socket.gethostname()} since {started}", encoding="utf-8")
    except OSError as problem:
        raise in_words(path.parent, problem, option) from problem
    try:
        yield
    finally:
        owner.unlink(missing_ok=True)
        lock.release()


def refuse(said: str) -> NoReturn:
    """Do not wait for a lock.

    Raises:
        EnvironmentProblem: always; the text names the holder.
    """
    raise EnvironmentProblem(f"{said}; wait for it, or stop it first") from None


def in_words(path: Path, problem: OSError, option: str) -> EnvironmentProblem:
    """What the operating system refused, with the way out: no room, no right to read or to write, or another reason.

    Args:
        path: what was to be read or written; the problem's own file counts where it cannot be read.
        problem: as it was raised.
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
    """The file or the folder on the way to it that this user may not read; None where there is none."""
    for each in reversed((path, *path.parents)):
        if os.path.isdir(each) and not os.access(each, os.X_OK):  # noqa: PTH112 - Path's own fails on a name too long
            return each
    return path if os.path.isfile(path) and not os.access(path, os.R_OK) else None  # noqa: PTH113 - likewise


def _text(path: Path) -> str:
    """The file's text; empty where it cannot be read."""
    with contextlib.suppress(OSError):
        return path.read_text(encoding="utf-8")
    return ""
