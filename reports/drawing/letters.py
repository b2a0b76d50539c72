"""The width of text in the typeface of the figures, and names shortened or broken to fit."""

from __future__ import annotations

import re
import unicodedata
from functools import cache
from pathlib import Path
from typing import Any

FILES = {"normal": "DejaVuSans.ttf", "bold": "DejaVuSans-Bold.ttf"}
"""Weight -> font file that is part of matplotlib."""

ASCENT, DESCENT = 0.93, 0.24
"""Height in ems that a browser reserves for a line of text above and below its baseline."""

_BREAKS = re.compile(r"(?<=[._+ \]])(?=\S)|(?=[(\[])")


def path_of(weight: str) -> Path:
    """Return the font file of a weight."""
    import matplotlib as mpl

    return Path(mpl.get_data_path()) / "fonts" / "ttf" / FILES[weight]


@cache
def measures(weight: str) -> tuple[dict[int, int], tuple[int, ...], int]:
    """Return for a weight: character -> glyph, the width of every glyph, and units per em."""
    from fontTools.ttLib import TTFont

    font: Any
    with TTFont(path_of(weight), lazy=True) as font:
        order = font.getReverseGlyphMap()
        glyphs = {code: order[name] for code, name in font.getBestCmap().items()}
        widths = tuple(font["hmtx"][name][0] for name in font.getGlyphOrder())
        return glyphs, widths, font["head"].unitsPerEm


def width(text: str, weight: str = "normal") -> float:
    """Return the width of a text in ems; a letter that the typeface lacks, such as a Chinese one, counts as 1 em."""
    glyphs, widths, unit = measures(weight)
    return sum(widths[glyphs[ord(letter)]] / unit if ord(letter) in glyphs else 1.0 for letter in text)


def fitted(name: str, room: float, size: float, weight: str = "normal") -> str:
    """Return a name without its middle where it is too wide; the end stays, because settings of arms differ there.

    Args:
        room: available width in points.
        size: font size in points.

    >>> fitted("temperature.raise[tau=0.15]", 120.0, 10.0)
    'tempera…se[tau=0.15]'
    """
    most = 2 * len(name)
    shown = name
    while most > 2 and size * width(shown, weight) > room:
        most -= 1
        shown = ellipsis(name, most)
    return shown


def in_lines(name: str, room: float, size: float, most: int = 2) -> str:
    r"""Return a name broken between its parts into lines that fit; a line that is still too wide loses its middle.

    >>> in_lines("CE(enhanced)", 66.0, 10.0)
    'CE\n(enhanced)'
    """
    if size * width(name) <= room:
        return name
    lines = [""]
    for part in _BREAKS.split(name):
        if not lines[-1] or size * width((lines[-1] + part).rstrip()) <= room or len(lines) == most:
            lines[-1] += part
        else:
            lines.append(part)
    return "\n".join(fitted(line.rstrip(), room, size) for line in lines)


def shrunk(text: str, room: float, size: float) -> float:
    """Return the font size at which a text fits, at most `size`."""
    wide = width(text)
    return min(size, room / wide) if wide else size


def ellipsis(name: str, most: int) -> str:
    """Return a name without its middle where it is longer than `most` Latin letters; East Asian letters count twice.

    The end stays, because that is where the settings of an arm differ.

    >>> ellipsis("temperature.raise[tau=0.15]", 20)
    'tempera…se[tau=0.15]'
    """
    widths = [2 if unicodedata.east_asian_width(letter) in "WF" else 1 for letter in name]
    if sum(widths) <= most:
        return name
    ends = most - 1
    head, tail, used = "", "", 0
    for letter, wide in zip(name, widths, strict=True):
        if used + wide > 0.4 * ends:
            break
        head, used = head + letter, used + wide
    for letter, wide in zip(reversed(name), reversed(widths), strict=True):
        if used + wide > ends:
            break
        tail, used = letter + tail, used + wide
    return f"{head}…{tail}"
