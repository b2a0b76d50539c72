"""Matplotlib figures as SVG that takes its colours and its typeface from the surrounding page."""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from reports.drawing.letters import fitted
from reports.drawing.settle import settle
from reports.drawing.style import fixed_style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


@dataclass(frozen=True, slots=True, kw_only=True)
class Palette:
    """Placeholder colours, each replaced by the page's CSS variable of that name, for the light and the dark theme."""

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
    """The dimensions of a drawing.

    Attributes:
        width: inches at 72 points; the page scales the drawing to its column.
        left: share of the width for names at the left.
        font: font size in points.
    """

    narrow: bool
    width: float
    left: float
    font: float

    @property
    def name(self) -> str:
        return "narrow" if self.narrow else "wide"


WIDE = Layout(narrow=False, width=12.6, left=0.25, font=11.0)
NARROW = Layout(narrow=True, width=5.0, left=0.02, font=12.0)

_DROPPED = re.compile(r"<\?xml.*?\?>|<!DOCTYPE.*?>|<metadata>.*?</metadata>|<style[^>]*>.*?</style>|<!--.*?-->", re.S)
_FONT = re.compile(r"font: (?:[\w.]+ )*?([\d.]+)px [^;\"]*|font-family: [^;\"]*;?")
_IDS = re.compile(r'(\bid="|url\(#|href="#)')


def new_figure(layout: Layout, height: float) -> tuple[Figure, Axes]:
    """Return an empty figure with one pair of axes, `height` inches high."""
    from matplotlib.figure import Figure

    canvas = Figure(figsize=(layout.width, height))
    bottom, top = 0.62 / height, 0.08 / height
    axes = canvas.add_axes((layout.left, bottom, 0.98 - layout.left, 1.0 - bottom - top))
    axes.set_facecolor("none")
    return canvas, axes


def dress_rows(axes: Axes, layout: Layout, *, n_rows: int, label: str) -> None:
    """Format the axes of a figure with one row per arm: first row on top, an axis below, no other frame line."""
    axes.set_ylim(n_rows - 0.4, -0.9 if layout.narrow else -0.7)
    axes.set_yticks([])
    axes.set_xlabel(label, color=COLOUR.soft, fontsize=layout.font, parse_math=False)
    axes.tick_params(axis="x", colors=COLOUR.soft, labelsize=layout.font - 1, length=3)
    axes.locator_params(axis="x", nbins=5 if layout.narrow else 9)
    open_frame(axes)


def dress_panel(axes: Axes, panel: Layout, label: str, *, whole: bool = False) -> None:
    """Format the axes of a small panel: two axes and horizontal grid lines; `whole` for integers on the lower axis."""
    from matplotlib.ticker import MaxNLocator

    axes.set_xlabel(label, color=COLOUR.soft, fontsize=panel.font, parse_math=False)
    axes.tick_params(which="both", colors=COLOUR.soft, labelsize=panel.font - 0.5, length=3, color=COLOUR.line)
    axes.locator_params(axis="y", nbins=4)
    if whole:
        axes.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=6))
    axes.grid(axis="y", color=COLOUR.line, linewidth=0.6)
    axes.set_axisbelow(True)
    open_frame(axes)


NAMED_ROW, NAME_RISE = 0.62, 0.47
"""Height in inches of a row whose name is above its line, and height of the name above the line in rows."""

LEAST_SPAN = 0.1
"""Smallest span of an axis of levels, as a share of the level, so that small differences look small."""


def widened(low: float, high: float, least: float = 0.0) -> tuple[float, float]:
    """Return limits around a range of levels with a margin; they span at least `least` and :data:`LEAST_SPAN`.

    >>> widened(0.96, 1.04)
    (0.95, 1.05)
    """
    middle = (low + high) / 2.0
    span = max(1.12 * (high - low), LEAST_SPAN * abs(middle), least) or 2e-3
    return middle - span / 2.0, middle + span / 2.0


def open_frame(axes: Axes) -> None:
    """Show only the bottom line of the frame."""
    for side in ("left", "right", "top"):
        axes.spines[side].set_visible(False)
    axes.spines["bottom"].set_color(COLOUR.line)


def write_name(
    axes: Axes, layout: Layout, place: float, name: str, left: float, *, rise: float = 0.36, colour: str = COLOUR.ink
) -> None:
    """Write the name of a row to its left or, in the narrow layout, above its line from `left` on."""
    style: dict[str, Any] = {"color": colour, "fontsize": layout.font, "parse_math": False, "va": "center"}
    if layout.narrow:
        # With the page's background, so that no line or band crosses the name.
        ground = {"facecolor": COLOUR.paper, "edgecolor": "none", "pad": 0.5}
        shown = fitted(name, 72.0 * layout.width * (0.98 - layout.left), layout.font)
        axes.text(left, place - rise, shown, ha="left", bbox=ground, zorder=2.5, **style)
    else:
        shown = fitted(name, 72.0 * layout.width * (layout.left - 0.02), layout.font)
        axes.text(-0.02, place, shown, ha="right", transform=axes.get_yaxis_transform(), **style)


def mark(axes: Axes, x: float, y: float, colour: str, *, filled: bool, size: float = 6.2, **style: Any) -> None:
    """Draw the mark of an estimate, hollow unless `filled`."""
    style = {
        "marker": "o",
        "linestyle": "none",
        "markeredgewidth": 1.6,
        "markeredgecolor": colour,
        "zorder": 5,
        **style,
    }
    axes.plot([x], [y], markersize=size, markerfacecolor=colour if filled else COLOUR.paper, **style)


def whisker(
    axes: Axes, place: float, low: float, high: float, limits: tuple[float, float], colour: str, **style: Any
) -> None:
    """Draw a horizontal interval; an end beyond the limits is cut off and gets an arrow."""
    left, right = limits
    axes.plot([max(low, left), min(high, right)], [place, place], color=colour, **{"zorder": 3, **style})
    for cut, end, arrow in ((low < left, left, "<"), (high > right, right, ">")):
        if cut:
            axes.plot([end], [place], marker=arrow, markersize=4.5, color=colour, clip_on=False, markeredgewidth=0)


def starts(names: Sequence[str]) -> dict[int, str]:
    """Return position -> name wherever a new name begins in a sequence.

    >>> starts(["a", "a", "b"])
    {0: 'a', 2: 'b'}
    """
    return {place: name for place, name in enumerate(names) if place == 0 or names[place - 1] != name}


def stacked(
    n_lines: int, heads: Mapping[int, str], *, gap: float, head: float
) -> tuple[list[float], list[tuple[float, str]]]:
    """Return the vertical positions of stacked lines, and of the headings above some of them, with the headings.

    Args:
        heads: line -> its heading.
        gap: space above every heading except the first, in lines.
        head: height of a heading, in lines.
    """
    heights: list[float] = []
    headings: list[tuple[float, str]] = []
    height = 0.0
    for line in range(n_lines):
        if line in heads:
            height += gap if headings else 0.0
            headings.append((height, heads[line]))
            height += head
        heights.append(height)
        height += 1.0
    return heights, headings


def to_svg(canvas: Figure, name: str) -> str:
    """Return the figure as an SVG element for the page, hidden from assistive technology.

    The page puts the text alternative on the surrounding element.  Text stays text, ids are made unique by `name`, and
    the same figure gives the same bytes.
    """
    output = io.StringIO()
    with fixed_style(), warnings.catch_warnings():
        # The browser uses its own typeface, so a glyph that matplotlib's typeface lacks (Chinese) does not matter.
        warnings.filterwarnings("ignore", message="Glyph .* missing from", category=UserWarning)
        settle(canvas)
        canvas.savefig(output, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    text = _DROPPED.sub("", output.getvalue())
    text = _FONT.sub(lambda found: f"font-size: {found[1]}px" if found[1] else "", text)
    text = _IDS.sub(rf"\g<1>{name}-", text)
    for variable in Palette.__dataclass_fields__:
        text = text.replace(getattr(COLOUR, variable), f"var(--{variable})")
    text = re.sub(r'(<svg[^>]*?) width="[^"]*"| height="[\d.]+pt"', lambda found: found[1] or "", text, count=2)
    text = text.replace("<svg ", '<svg aria-hidden="true" focusable="false" ', 1)
    return re.sub(r"\n\s*", "\n", text).strip()
