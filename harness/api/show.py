"""Text that fits a screen."""

from __future__ import annotations

from collections.abc import Sequence

MOST_LINES = 36
MOST_CHARACTERS = 3800
LONGEST_LINE = 240


def cut(lines: Sequence[str], *, most: int = MOST_LINES) -> str:
    """The lines as one text; of too many, those in the middle are left out and counted.

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


def pre(escaped: str) -> str:
    """Escaped text as a block of a notebook's output, its lines as they are."""
    return f'<pre style="white-space:pre-wrap;line-height:1.3">{escaped}</pre>'
