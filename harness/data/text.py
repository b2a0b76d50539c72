"""Reading a text file so that every complaint names the file, the line and the fix."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from harness.errors import EnvironmentProblem, InputError, did_you_mean

LONGEST_ID = 255
"""Characters of a user's or an item's id: all take the room of the longest, and a longer one is no id but a mistake."""

_SHOWN_LINES = 5


def read_content(path: Path) -> bytes:
    """The bytes of a data file.

    Raises:
        InputError: there is no such file, or it is a folder.
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


def decode_lines(content: bytes, path: Path) -> list[str]:
    """The lines of a UTF-8 text without their ends; empty lines at the end of the file are left away.

    Raises:
        InputError: the file is empty, not UTF-8, or holds NUL bytes.
    """
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as problem:
        line = content.count(b"\n", 0, problem.start) + 1
        raise InputError(
            f"{path}, line {line}: byte 0x{content[problem.start]:02x} is not UTF-8 text; save the file as UTF-8"
        ) from None
    if "\0" in text:
        line = text.count("\n", 0, text.index("\0")) + 1
        raise InputError(f"{path}, line {line}: a NUL byte; the file is binary or UTF-16, save it as UTF-8 text")
    lines = [line.removesuffix("\r") for line in text.split("\n")]
    while lines and not lines[-1].strip(" \t\r"):
        lines.pop()
    if not lines:
        raise InputError(f"{path} is empty; it needs at least one line of interactions")
    return lines


def name_lines(numbers: Sequence[int]) -> str:
    """Line numbers for a message.

    >>> name_lines([7])
    'line 7'
    >>> name_lines([2, 3, 5, 7, 11, 13, 17])
    'lines 2, 3, 5, 7, 11 and 2 more'
    """
    if len(numbers) == 1:
        return f"line {numbers[0]}"
    shown = ", ".join(str(number) for number in numbers[:_SHOWN_LINES])
    hidden = len(numbers) - _SHOWN_LINES
    return f"lines {shown}" + (f" and {hidden} more" if hidden > 0 else "")


def shorten(value: str, limit: int = 40) -> str:
    """A value quoted for a message, cut where it is long.

    >>> shorten("x" * 50, limit=3)
    "'xxx'..."
    """
    return repr(value) if len(value) <= limit else repr(value[:limit]) + "..."
