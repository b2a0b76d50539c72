"""Placement of axis labels: no label leaves the figure, and no label covers another.

Sizes are those of the box that a browser gives a line of text in the typeface of the figures.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from reports.drawing.letters import ASCENT, DESCENT, width

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis
    from matplotlib.figure import Figure

CLEAR = 3.0
"""Smallest distance in points between two labels of an axis."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Box:
    """The box of a label, in points from the lower left corner of the figure."""

    left: float
    right: float
    low: float
    high: float

    def meets(self, other: Box, clear: float = 0.0) -> bool:
        """Return whether the boxes overlap or are closer than `clear`."""
        across = self.left < other.right + clear and other.left < self.right + clear
        return across and self.low < other.high + clear and other.low < self.high + clear


def settle(canvas: Figure) -> None:
    """Keep axis labels inside the figure and drop overlapping ones."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    FigureCanvasAgg(canvas)  # needed to measure text
    for axes in canvas.axes:
        if axes.axison:
            for axis in (axes.xaxis, axes.yaxis):
                _write_out(axis)
            _make_room(canvas, axes)
            below = _settle_below(canvas, axes)
            _settle_beside(canvas, axes, below)


def _write_out(axis: Axis) -> None:
    """Write numbers in full where matplotlib would factor out an offset, whose text could cover other labels."""
    from matplotlib.ticker import FuncFormatter

    axis.get_majorticklabels()
    if axis.get_major_formatter().get_offset():
        axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:.6g}".replace("-", "\N{MINUS SIGN}")))


def _make_room(canvas: Figure, axes: Axes) -> None:
    """Move the left edge of the axes inwards where labels of the vertical axis would leave the figure."""
    boxes = [_box(canvas, label).left for _, label in _shown(axes.yaxis)]
    label = axes.yaxis.label
    if boxes and label.get_text():
        axes.yaxis.get_tightbbox()  # updates the position of the label
        size = float(label.get_fontsize())
        extent = label.get_window_extent(dpi=canvas.dpi)
        boxes.append((extent.x0 + extent.x1) / 2.0 * 72.0 / canvas.dpi - (ASCENT + DESCENT) / 2.0 * size)
    beyond = -min(boxes, default=0.0) / (72.0 * canvas.get_figwidth())
    if beyond > 0.0:
        place = axes.get_position()
        axes.set_position((place.x0 + beyond, place.y0, place.width - beyond, place.height))


def _settle_below(canvas: Figure, axes: Axes) -> list[Box]:
    """Align end labels inwards, keep every second, third, ... label where they overlap, and return the kept boxes."""
    ticks = _shown(axes.xaxis)
    end = 72.0 * float(canvas.get_figwidth())
    boxes: list[Box] = []
    for _, label in ticks:
        box = _box(canvas, label)
        if box.left < 0.0 or box.right > end:
            label.set_horizontalalignment("left" if box.left < 0.0 else "right")
            box = _box(canvas, label)
        boxes.append(box)
    step = next(step for step in range(1, len(boxes) + 2) if not _meet(boxes[::step]))
    _keep(axes.xaxis, range(0, len(ticks), step), ticks)
    return boxes[::step]


def _settle_beside(canvas: Figure, axes: Axes, below: Sequence[Box]) -> None:
    """Keep the labels of the vertical axis that neither leave the top nor cover each other or the horizontal axis."""
    ticks = _shown(axes.yaxis)
    if not ticks:
        return
    high = 72.0 * float(canvas.get_figheight())
    boxes = [_box(canvas, label) for _, label in ticks]
    free = [
        place
        for place, box in enumerate(boxes)
        if box.high <= high + 1.0 and not any(box.meets(other) for other in below)
    ]
    step = next(step for step in range(1, len(free) + 2) if not _meet([boxes[place] for place in free[::step]], 0.0))
    _keep(axes.yaxis, free[::step], ticks)


def _shown(axis: Axis) -> list[tuple[float, Any]]:
    """Return positions and labels of the visible major ticks, in order along the axis."""
    low, high = sorted(axis.get_view_interval())
    slack = 1e-9 * (high - low)
    found = zip(axis.get_majorticklocs(), axis.get_majorticklabels(), strict=False)
    ticks = [(float(at), label) for at, label in found if low - slack <= at <= high + slack and label.get_text()]
    return sorted(ticks, key=lambda tick: tick[0])


def _keep(axis: Axis, places: Sequence[int], ticks: Sequence[tuple[float, Any]]) -> None:
    """Empty the labels of all ticks except those in `places`; grid lines and tick marks stay."""
    kept = set(places)
    if len(kept) == len(ticks):
        return
    said = [label.get_text() if place in kept else "" for place, (_, label) in enumerate(ticks)]
    sides = [label.get_horizontalalignment() for _, label in ticks]
    axis.set_ticks([at for at, _ in ticks], said, parse_math=False)
    for label, side in zip(axis.get_majorticklabels(), sides, strict=True):
        label.set_horizontalalignment(side)


def _meet(boxes: Sequence[Box], clear: float = CLEAR) -> bool:
    return any(one.meets(two, clear) for one, two in pairwise(boxes))


def _box(canvas: Figure, label: Any) -> Box:
    """Return the box of an unrotated label of one line."""
    unit = 72.0 / canvas.dpi
    drawn = label.get_window_extent(dpi=canvas.dpi)
    size = float(label.get_fontsize())
    wide = size * width(label.get_text())
    # The width is not matplotlib's: it measures only the ink, and a letter that its typeface lacks by a substitute.
    place = {"left": drawn.x0, "right": drawn.x1, "center": (drawn.x0 + drawn.x1) / 2.0}[label.get_ha()] * unit
    left = place - {"left": 0.0, "right": 1.0, "center": 0.5}[label.get_ha()] * wide
    middle = (drawn.y0 + drawn.y1) / 2.0 * unit
    half = (ASCENT + DESCENT) / 2.0 * size
    assert math.isfinite(left)
    return Box(left=left, right=left + wide, low=middle - half, high=middle + half)
