"""Figures and names as a terminal shows them."""

from __future__ import annotations

ELLIPSIS = "…"

MINUS = "\u2212"
"""The one sign for minus in everything that a person reads."""


def shorten(text: str, width: int) -> str:
    """A name within so many columns: what is left out is its middle, since settings stand at the end.

    >>> shorten("weight[weight=0.003]", 12), shorten("short", 12)
    ('weight….003]', 'short')
    """
    if len(text) <= width:
        return text
    kept = max(width - len(ELLIPSIS), 0)
    tail = kept // 2
    return text[: kept - tail] + ELLIPSIS + text[len(text) - tail :]


def duration(seconds: float) -> str:
    """A length of time for people, never in hundreds of seconds.

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
