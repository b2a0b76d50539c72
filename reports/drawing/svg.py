"""Matplotlib figures as SVG that takes its colours and its typeface from the page around it."""

from __future__ import annotations

import io
import re
import unicodedata
import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


@dataclass(frozen=True, slots=True, kw_only=True)
class Palette:
    """Stand-in colours, each replaced by the page's variable of that name, so that light and dark both read."""

    ink: str = "#010203"
    soft: str = "#010204"
    line: str = "#010205"
    band: str = "#010206"
    hatch: str = "#010207"
    paper: str = "#010208"
    good: str = "#010209"
    bad: str = "#01020a"
    neutral: str = "#01020b"
    on: str = "#01020c"
    off: str = "#01020d"
    other: str = "#01020e"


COLOUR = Palette()


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """How wide a figure is drawn.

    Attributes:
        width: inches at 72 points; the page scales it to its column.
        left: share of the width that names take at the left.
        font: text size in points.
    """

    narrow: bool
    width: float
    left: float
    font: float


WIDE = Layout(narrow=False, width=12.6, left=0.25, font=11.0)
NARROW = Layout(narrow=True, width=5.0, left=0.02, font=12.0)

_DROPPED = re.compile(r"<\?xml.*?\?>|<!DOCTYPE.*?>|<metadata>.*?</metadata>|<style[^>]*>.*?</style>|<!--.*?-->", re.S)
_FONT = re.compile(r"font: (?:[\w.]+ )*?([\d.]+)px [^;\"]*|font-family: [^;\"]*;?")
_IDS = re.compile(r'(\bid="|url\(#|href="#)')


def new_figure(layout: Layout, height: float) -> tuple[Figure, Axes]:
    """An empty figure with one pair of axes, `height` inches high."""
    from matplotlib.figure import Figure

    canvas = Figure(figsize=(layout.width, height))
    bottom, top = 0.62 / height, 0.08 / height
    axes = canvas.add_axes((layout.left, bottom, 0.98 - layout.left, 1.0 - bottom - top))
    axes.set_facecolor("none")
    return canvas, axes


def dress_rows(axes: Axes, layout: Layout, *, n_rows: int, label: str) -> None:
    """The frame of a figure with a row an arm: the first on top, a scale below, no other line."""
    axes.set_ylim(n_rows - 0.4, -0.9 if layout.narrow else -0.7)
    axes.set_yticks([])
    axes.set_xlabel(label, color=COLOUR.soft, fontsize=layout.font, parse_math=False)
    axes.tick_params(axis="x", colors=COLOUR.soft, labelsize=layout.font - 1, length=3)
    axes.locator_params(axis="x", nbins=5 if layout.narrow else 9)
    for side in ("left", "right", "top"):
        axes.spines[side].set_visible(False)
    axes.spines["bottom"].set_color(COLOUR.line)


def to_svg(canvas: Figure, name: str) -> str:
    """The figure as an SVG element to stand in the page, hidden from assistive technology.

    The page gives the alternative text to what surrounds it.  Text stays text, ids are made unique by `name`, and the
    same figure gives the same bytes.
    """
    import matplotlib as mpl

    output = io.StringIO()
    settings: Any = {"svg.fonttype": "none", "svg.hashsalt": "ftr-study", "hatch.linewidth": 0.8}
    with mpl.rc_context(settings), warnings.catch_warnings():
        # The browser sets the text in a face of its own, so a glyph that matplotlib's lacks (Chinese) is no loss.
        warnings.filterwarnings("ignore", message="Glyph .* missing from", category=UserWarning)
        canvas.savefig(output, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    text = _DROPPED.sub("", output.getvalue())
    text = _FONT.sub(lambda found: f"font-size: {found[1]}px" if found[1] else "", text)
    text = _IDS.sub(rf"\g<1>{name}-", text)
    for variable in Palette.__dataclass_fields__:
        text = text.replace(getattr(COLOUR, variable), f"var(--{variable})")
    text = re.sub(r'(<svg[^>]*?) width="[^"]*"| height="[\d.]+pt"', lambda found: found[1] or "", text, count=2)
    text = text.replace("<svg ", '<svg aria-hidden="true" focusable="false" ', 1)
    return re.sub(r"\n\s*", "\n", text).strip()


def ellipsis(name: str, most: int) -> str:
    """A name without its middle where it is longer than `most` Latin letters; East Asian ones count twice.

    The end stays, because that is where the settings of an arm differ.

    >>> ellipsis("temperature.raise[tau=0.15]", 20)
    'tempera…se[tau=0.15]'
    """
    widths = [2 if unicodedata.east_asian_width(letter) in "WF" else 1 for letter in name]
    if sum(widths) <= most:
        return name
    ends = most - 1
    head, tail, used = "", "", 0
    for letter, width in zip(name, widths, strict=True):
        if used + width > 0.4 * ends:
            break
        head, used = head + letter, used + width
    for letter, width in zip(reversed(name), reversed(widths), strict=True):
        if used + width > ends:
            break
        tail, used = letter + tail, used + width
    return f"{head}…{tail}"
