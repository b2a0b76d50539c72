"""Labels of axes that stand clear: none leaves its figure, none covers another.

What is measured is the box that a browser gives a line of text, in the face that figures are drawn with.
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
"""Points between two labels of an axis."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Box:
    """Points from the lower left corner of a figure."""

    left: float
    right: float
    low: float
    high: float

    def meets(self, other: Box, clear: float = 0.0) -> bool:
        """Whether they overlap or stand closer than `clear`."""
        across = self.left < other.right + clear and other.left < self.right + clear
        return across and self.low < other.high + clear and other.low < self.high + clear


def settle(canvas: Figure) -> None:
    """Turn end labels of the scale below inwards where they would leave, and drop what would cover another."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    FigureCanvasAgg(canvas)  # measures
    for axes in canvas.axes:
        if axes.axison:
            for axis in (axes.xaxis, axes.yaxis):
                _write_out(axis)
            _make_room(canvas, axes)
            below = _settle_below(canvas, axes)
            _settle_beside(canvas, axes, below)


def _write_out(axis: Axis) -> None:
    """Numbers in full where matplotlib takes out a factor, which it writes into a corner where other labels are."""
    from matplotlib.ticker import FuncFormatter

    axis.get_majorticklabels()
    if axis.get_major_formatter().get_offset():
        axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:.6g}".replace("-", "\N{MINUS SIGN}")))


def _make_room(canvas: Figure, axes: Axes) -> None:
    """Move the left edge of axes whose scale at the left would leave."""
    boxes = [_box(canvas, label).left for _, label in _shown(axes.yaxis)]
    label = axes.yaxis.label
    if boxes and label.get_text():
        axes.yaxis.get_tightbbox()  # puts the label beside the scale
        size = float(label.get_fontsize())
        extent = label.get_window_extent(dpi=canvas.dpi)
        boxes.append((extent.x0 + extent.x1) / 2.0 * 72.0 / canvas.dpi - (ASCENT + DESCENT) / 2.0 * size)
    beyond = -min(boxes, default=0.0) / (72.0 * canvas.get_figwidth())
    if beyond > 0.0:
        place = axes.get_position()
        axes.set_position((place.x0 + beyond, place.y0, place.width - beyond, place.height))


def _settle_below(canvas: Figure, axes: Axes) -> list[Box]:
    """The labels of the scale below, from left to right; where they meet, every second, third, ... stays."""
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
    """The labels of the scale at the left, from below, without those that leave the top or cover the scale below."""
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
    """Places and labels of the long ticks that a figure shows, in order along the axis."""
    low, high = sorted(axis.get_view_interval())
    slack = 1e-9 * (high - low)
    found = zip(axis.get_majorticklocs(), axis.get_majorticklabels(), strict=False)
    ticks = [(float(at), label) for at, label in found if low - slack <= at <= high + slack and label.get_text()]
    return sorted(ticks, key=lambda tick: tick[0])


def _keep(axis: Axis, places: Sequence[int], ticks: Sequence[tuple[float, Any]]) -> None:
    """Empty the labels of all others; lines of the grid and short lines stay."""
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
    """The box of a label of one line that is not turned."""
    unit = 72.0 / canvas.dpi
    drawn = label.get_window_extent(dpi=canvas.dpi)
    size = float(label.get_fontsize())
    wide = size * width(label.get_text())
    # Matplotlib measures what is drawn, and a letter that its face lacks by another.
    place = {"left": drawn.x0, "right": drawn.x1, "center": (drawn.x0 + drawn.x1) / 2.0}[label.get_ha()] * unit
    left = place - {"left": 0.0, "right": 1.0, "center": 0.5}[label.get_ha()] * wide
    middle = (drawn.y0 + drawn.y1) / 2.0 * unit
    half = (ASCENT + DESCENT) / 2.0 * size
    assert math.isfinite(left)
    return Box(left=left, right=left + wide, low=middle - half, high=middle + half)
