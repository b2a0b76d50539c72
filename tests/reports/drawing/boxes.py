"""Boxes of the labels of an SVG as a browser would have them, from the SVG alone."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from functools import cache
from itertools import combinations
from pathlib import Path
from xml.etree import ElementTree

import matplotlib as mpl
from matplotlib.ft2font import FT2Font

SLACK = 1.0
"""Points by which labels may overlap, which is what a browser rounds by."""

_SVG = "{http://www.w3.org/2000/svg}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Label:
    """A label and its box, in points from the upper left corner."""

    said: str
    left: float
    right: float
    top: float
    bottom: float

    def overlaps(self, other: Label) -> bool:
        across = min(self.right, other.right) - max(self.left, other.left)
        return across > SLACK and min(self.bottom, other.bottom) - max(self.top, other.top) > SLACK


@cache
def _face(weight: str) -> FT2Font:
    name = "DejaVuSans-Bold.ttf" if weight == "bold" else "DejaVuSans.ttf"
    return FT2Font(str(Path(mpl.get_data_path()) / "fonts" / "ttf" / name))


def wide(said: str, weight: str) -> float:
    """Width in ems; a letter of which the face knows nothing, a Chinese one, is a square."""
    face = _face(weight)
    known = "".join(letter for letter in said if face.get_char_index(ord(letter)))
    face.set_size(100.0, 72.0)
    face.set_text(known)
    return face.get_width_height()[0] / 64.0 / 100.0 + len(said) - len(known)


def labels(svg: str) -> tuple[list[Label], float, float]:
    """The labels, and the width and height of the drawing."""
    root = ElementTree.fromstring(svg)
    width, height = map(float, root.attrib["viewBox"].split()[2:])
    found: list[Label] = []
    for text in root.iter(f"{_SVG}text"):
        said = "".join(text.itertext())
        if not said.strip():
            continue
        style = dict(part.strip().split(": ", 1) for part in text.attrib["style"].split(";") if part.strip())
        size = float(style["font-size"].removesuffix("px"))
        long = size * wide(said, style.get("font-weight", "normal"))
        start = -{"start": 0.0, "middle": 0.5, "end": 1.0}[style.get("text-anchor", "start")] * long
        turned = re.search(r"rotate\(([-\d.]+)", text.attrib["transform"])
        angle = math.radians(float(turned[1])) if turned else 0.0
        x, y = float(text.attrib["x"]), float(text.attrib["y"])
        corners = [(along, up) for along in (start, start + long) for up in (-0.93 * size, 0.24 * size)]
        xs = [x + along * math.cos(angle) - up * math.sin(angle) for along, up in corners]
        ys = [y + along * math.sin(angle) + up * math.cos(angle) for along, up in corners]
        found.append(Label(said=said, left=min(xs), right=max(xs), top=min(ys), bottom=max(ys)))
    return found, width, height


def troubles(svg: str) -> list[str]:
    """Every two labels that overlap, and every label that leaves the drawing."""
    found, width, height = labels(svg)
    said = [f"{one.said!r} covers {two.said!r}" for one, two in combinations(found, 2) if one.overlaps(two)]
    for each in found:
        beyond = max(-each.left, each.right - width, -each.top, each.bottom - height)
        if beyond > SLACK:
            said.append(f"{each.said!r} leaves by {beyond:.1f}")
    return said
