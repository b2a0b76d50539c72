"""Text helpers: formats figures and names for the terminal, and folds Markdown."""

from __future__ import annotations

import re
import textwrap

ELLIPSIS = "…"

MINUS = "\u2212"
"""The minus sign in all text for people."""


def shorten(text: str, width: int) -> str:
    """Return a name within ``width`` columns; its middle is cut out, because settings are at the end.

    >>> shorten("weight[weight=0.003]", 12), shorten("short", 12)
    ('weight….003]', 'short')
    """
    if len(text) <= width:
        return text
    kept = max(width - len(ELLIPSIS), 0)
    tail = kept // 2
    return text[: kept - tail] + ELLIPSIS + text[len(text) - tail :]


def within_a_sentence(title: str) -> str:
    """Return a title for use within a sentence; an abbreviation keeps its capitals.

    >>> within_a_sentence("Mix probabilities"), within_a_sentence("KL weight")
    ('mix probabilities', 'KL weight')
    """
    return title[0].lower() + title[1:] if title[1:2].islower() else title


def duration(seconds: float) -> str:
    """Return a duration for people, in units that keep numbers small.

    >>> duration(0.3), duration(42.4), duration(460.0), duration(7320.0)
    ('1 s', '42 s', '7 min 40 s', '2 h 2 min')
    """
    whole = max(1, round(seconds))
    if whole < 60:
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    if minutes < 60:
        return f"{minutes} min" + f" {rest} s" * bool(rest)
    hours, minutes = divmod(round(whole / 60), 60)
    return f"{hours} h" + f" {minutes} min" * bool(minutes)


_NO_START = re.compile(r" (?=(?:[-+*>|#=]|\d+[.)])(?: |$))")
"""A space after which a line break would start a list, a quotation, a table or a heading."""


def folded(text: str, width: int = 120) -> str:
    """Return Markdown with long lines folded: paragraphs and list entries, but not tables, code or headings.

    >>> print(folded("- one + two", 8))
    - one +
      two
    """
    lines: list[str] = []
    in_code = False
    for line in text.split("\n"):
        in_code ^= line.startswith("```")
        if in_code or len(line) <= width or line.startswith(("|", "#", "<", "```")):
            lines.append(line)
        else:
            indent = "  " if line.startswith("- ") else ""
            kept = _NO_START.sub("\0", line)
            parts = textwrap.wrap(kept, width, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False)
            lines += (part.replace("\0", " ") for part in parts)
    return "\n".join(lines)
