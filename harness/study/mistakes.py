"""Mistakes in a study file: where each is, and one error that carries them all."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from harness.errors import InputError

Path = tuple[str | int, ...]
"""The place of a value in the document: keys and list positions from the root."""

LONGEST_MESSAGE = 700


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One mistake.

    Attributes:
        source: the file as the user named it, or the option that has the value.
        code: the kind of mistake, such as ``unknown_key``; it stays when the wording changes.
        line: from 1; 0 if the mistake has no line.
        path: the value's place in the document.
        message: what is wrong, the value and the fix.
    """

    source: str
    code: str
    message: str
    line: int = 0
    path: Path = ()

    def __str__(self) -> str:
        where = f"{self.source}:{self.line}" if self.line else self.source
        return ": ".join(clip(part) for part in (where, render(self.path), self.message) if part)


class StudyFileError(InputError):
    """A study file that cannot be used; the text lists every mistake, one per line.

    Attributes:
        problems: the mistakes in the order of their lines.
    """

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(sorted(problems, key=lambda each: each.line))
        super().__init__("\n".join(str(each) for each in self.problems))


def render(path: Path) -> str:
    """A path as text.

    >>> render(("arms", "both", 1, "kl.weight"))
    'arms.both[1].kl.weight'
    """
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
        else:
            word = part if part.isprintable() and part else repr(part)
            text += f".{clip(word, 60)}" if text else clip(word, 60)
    return text


def clip(text: str, longest: int = LONGEST_MESSAGE) -> str:
    """The text; if it is too long to read, without its middle.

    >>> clip("abcdefghij", 5)
    'ab…ij'
    """
    if len(text) <= longest:
        return text
    half = (longest - 1) // 2
    return f"{text[:half]}…{text[len(text) - half :]}"


def show(value: object) -> str:
    """A value as the user wrote it, short enough for a message.

    >>> show(True), show(None), show("x"), show(["a", 1])
    ('true', 'an empty value', "'x'", "['a', 1]")
    """
    if value is None:
        return "an empty value"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, dict):
        return "a mapping"
    return clip(repr(value), 80)


def listing(words: Sequence[str]) -> str:
    """Words as the end of "one of …".

    >>> listing(["a", "b"])
    'one of a, b'
    >>> listing(["a"])
    'a'
    """
    return words[0] if len(words) == 1 else "one of " + ", ".join(words)
