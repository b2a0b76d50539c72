"""Text that fits a screen."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

T = TypeVar("T")

MOST_LINES = 36
MOST_CHARACTERS = 3800
LONGEST_LINE = 240


def cut(lines: Sequence[str], *, most: int = MOST_LINES) -> str:
    """The lines as one text; if there are too many, their number replaces those in the middle.

    >>> print(cut(["a", "b", "c", "d", "e"], most=4))
    a
    b
    … 2 more lines
    e
    """
    kept = [line if len(line) <= LONGEST_LINE else f"{line[: LONGEST_LINE - 1]}…" for line in lines]
    most = min(most, len(kept))
    while most > 3:
        shown = _cut(kept, most)
        if len(shown) <= MOST_CHARACTERS:
            return shown
        most -= 1
    return _cut(kept, most)[:MOST_CHARACTERS]


def _cut(lines: Sequence[str], most: int) -> str:
    if len(lines) <= most:
        return "\n".join(lines)
    tail = max((most - 1) // 3, 1)
    head = most - 1 - tail
    left_out = len(lines) - head - tail
    return "\n".join([*lines[:head], f"… {left_out} more lines", *lines[len(lines) - tail :]])


class ByRow(dict[str, T]):
    """Values by row name, with a ``repr`` that fits a screen however many rows there are.

    >>> ByRow({"js": 1, "reverse": 2})
    {'js': 1,
     'reverse': 2}
    """

    def __repr__(self) -> str:
        lines = [f"{name!r}: {value!r}," for name, value in self.items()]
        return "{" + cut(lines).rstrip(",").replace("\n", "\n ") + "}"
