"""Reading of text files; every error names the file, the line and the fix."""

from __future__ import annotations

import codecs
import gzip
import zlib
from collections.abc import Sequence
from pathlib import Path

from harness.errors import EnvironmentProblem, InputError, did_you_mean

LONGEST_ID = 255
"""Maximum characters of an id: each id takes the memory of the longest, and a longer value is most likely a mistake."""

GZ = ".gz"

_SHOWN_LINES = 5
_GZIP = b"\x1f\x8b"
_PACKED = {
    b"PK\x03\x04": "a zip archive",
    b"BZh": "packed by bzip2",
    b"\xfd7zXZ": "packed by xz",
    b"\x28\xb5\x2f\xfd": "packed by zstd",
    b"7z\xbc\xaf": "a 7z archive",
    b"PAR1": "Parquet (name it .parquet)",
    b"ARROW1": "Feather (name it .feather)",
}


def read_content(path: Path) -> bytes:
    """Return the bytes of a data file.

    Raises:
        InputError: the file does not exist, or is a folder.
        EnvironmentProblem: the file exists but cannot be read.
    """
    try:
        return path.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        siblings = [entry.name for entry in path.parent.iterdir()] if path.parent.is_dir() else []
        where = "" if path.parent.is_dir() else f" (there is no folder {path.parent} either)"
        raise InputError(f"no data file {path}{where}{did_you_mean(path.name, siblings)}") from None
    except IsADirectoryError:
        raise InputError(f"{path} is a folder; name the data file inside it") from None
    except OSError as problem:
        raise EnvironmentProblem(
            f"cannot read {path}: {problem.strerror or problem}; ask its owner for read permission"
        ) from problem


def unpacked(content: bytes, path: Path) -> bytes:
    """Return the unpacked content of a gzip file, recognised by its first bytes; any other content unchanged.

    Raises:
        InputError: the gzip file is truncated or damaged, or the name ends in ``.gz`` and the content is not gzip.
    """
    if content.startswith(_GZIP):
        try:
            return gzip.decompress(content)
        except (OSError, EOFError, zlib.error) as problem:
            raise InputError(f"{path}: the gzip file is damaged ({problem}); download or copy it again") from None
    if path.suffix == GZ and content:
        raise InputError(f"{path} is not a gzip file, though its name ends in {GZ}; rename it without {GZ}")
    return content


def plain_name(path: Path) -> Path:
    """Return the path without ``.gz``.

    >>> plain_name(Path("log.csv.gz"))
    PosixPath('log.csv')
    """
    return path.with_suffix("") if path.suffix == GZ else path


def checked_text(content: bytes, path: Path) -> bytes:
    """Return a UTF-8 text without byte order mark and without empty lines at the end.

    Raises:
        InputError: the file is empty, packed, not UTF-8, or holds NUL bytes.
    """
    for start, kind in _PACKED.items():
        if content.startswith(start):
            raise InputError(
                f"{path}, line 1: the file is {kind}; unpack it and give the file inside (.gz is read as is)"
            )
    content = content.removeprefix(codecs.BOM_UTF8)
    try:
        _ = content.isascii() or content.decode()
    except UnicodeDecodeError as problem:
        line = content.count(b"\n", 0, problem.start) + 1
        raise InputError(
            f"{path}, line {line}: byte 0x{content[problem.start]:02x} is not UTF-8 text; save the file as UTF-8"
        ) from None
    if b"\0" in content:
        line = content.count(b"\n", 0, content.index(b"\0")) + 1
        raise InputError(f"{path}, line {line}: a NUL byte; the file is binary or UTF-16, save it as UTF-8 text")
    end = len(content)
    while (cut := content.rfind(b"\n", 0, end)) >= 0 and not content[cut:end].strip(b" \t\r\n"):
        end = cut
    content = content[:end]
    if not content.strip(b" \t\r"):
        raise InputError(f"{path} is empty; it needs at least one line of interactions")
    return content


def decode_lines(content: bytes, path: Path) -> list[str]:
    """Return the lines of a UTF-8 text without line endings; empty lines at the end of the file are dropped.

    Raises:
        InputError: the file is empty, packed, not UTF-8, or holds NUL bytes.
    """
    return [line.removesuffix("\r") for line in checked_text(content, path).decode().split("\n")]


def name_lines(numbers: Sequence[int], what: str = "line") -> str:
    """Return line numbers (or the numbers of something else) as text for a message.

    >>> name_lines([7])
    'line 7'
    >>> name_lines([2, 3, 5, 7, 11, 13, 17])
    'lines 2, 3, 5, 7, 11 and 2 more'
    """
    if len(numbers) == 1:
        return f"{what} {numbers[0]}"
    shown = ", ".join(str(number) for number in numbers[:_SHOWN_LINES])
    hidden = len(numbers) - _SHOWN_LINES
    return f"{what}s {shown}" + (f" and {hidden} more" if hidden > 0 else "")


def shorten(value: str, limit: int = 40) -> str:
    """Return a value quoted for a message, truncated to ``limit`` characters.

    >>> shorten("x" * 50, limit=3)
    "'xxx'..."
    """
    return repr(value) if len(value) <= limit else repr(value[:limit]) + "..."
