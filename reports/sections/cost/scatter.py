"""The scatter plot of effect against run time, with the rows on the Pareto front."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from reports.drawing.figure import Figure, Line, figure_of, number
from reports.drawing.letters import fitted, width
from reports.drawing.svg import COLOUR, Layout, mark, new_figure, open_frame, to_svg, widened
from reports.locale import formats
from reports.sections.base import SectionInput
from reports.sections.cost.build import Cost, offers_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as MplFigure

Names = Literal["beside", "below"]
"""Position of the names of base and of the front: next to their marks, or below the plot with numbers at the marks."""

COLUMNS = ("arm", "verdict", "seconds", "effect", "low", "high", "on_front", "query_ms", "serving_bytes", "n_seeds")

_LINE = 1.35
"""Height of a line of text in ems."""


def table(cost: Cost, given: SectionInput) -> Figure:
    """Return run time and effect of base and the arms, the quickest first; empty where nothing is on the front."""
    text = given.text
    by_name = {row.name: row for row in given.rows}
    offers = sorted(offers_of(given.rows), key=lambda offer: (offer.seconds, offer.name))
    data: list[Line] = []
    for offer in offers if cost.front else ():
        row = by_name[offer.name]
        known = (row.label, row.verdict, offer.seconds, offer.effect, *(row.plain or (None, None)))
        data.append((*known, int(row.label in cost.front), row.query_ms, row.serving_bytes, row.n_seeds))
    alt = text("figure.cost.empty")
    if data:
        alt = text(
            "figure.cost.alt",
            n_rows=text.count("count.arms", sum(line[1] != "base" for line in data)),
            quickest=formats.seconds(offers[0].seconds),
            slowest=formats.seconds(offers[-1].seconds),
            front=text("list.comma").join(cost.front),
        )
    return figure_of("cost", text, COLUMNS, data, alt=alt, metric=given.metric)


def draw(figure: Figure, axis_x: str, axis_y: str, layout: Layout) -> str:
    """Return the scatter as SVG; where names do not fit next to their marks, marks get numbers and names go below."""
    canvas, complete = _plot(figure, axis_x, axis_y, layout, "below" if layout.narrow else "beside")
    if not complete and not layout.narrow:
        canvas, _ = _plot(figure, axis_x, axis_y, layout, "below")
    return to_svg(canvas, f"cost-{layout.name}")


def _plot(figure: Figure, axis_x: str, axis_y: str, layout: Layout, names: Names) -> tuple[MplFigure, bool]:
    """Return the drawing, and whether all names or numbers fitted."""
    from matplotlib.ticker import LogLocator, NullFormatter

    narrow = layout.narrow
    wide, left = (layout.width, 0.17) if narrow else (9.6, 0.1)
    square = Layout(narrow=narrow, width=wide, left=left, font=layout.font)
    named = [row for row in figure.rows if row[6] or row[1] == "base"]
    list_height = _LINE * square.font * len(named) / 72.0 + 0.12 if names == "below" else 0.0
    height = (4.6 if narrow else 4.9) + list_height
    canvas, axes = new_figure(square, height=height)
    box = axes.get_position()
    axes.set_position((box.x0, box.y0 + list_height / height, box.width, box.height - list_height / height))
    seconds, effect = (np.array(figure.column(name), dtype=np.float64) for name in ("seconds", "effect"))
    bottom, top = _limits(figure, effect)
    if seconds.max() > 8.0 * seconds.min():
        axes.set_xscale("log")
        axes.xaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
        axes.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
        axes.xaxis.set_minor_formatter(NullFormatter())
    else:
        aside = 0.06 * float(np.ptp(seconds))
        axes.set_xlim(*widened(float(seconds.min()) - aside, float(seconds.max()) + aside))
    axes.set_ylim(bottom, top)
    axes.axhline(0.0, color=COLOUR.ink, linewidth=1.0, zorder=1)
    front = [row for row in figure.rows if row[6]]
    path = [[number(row[place]) for row in front] for place in (2, 3)]
    axes.plot(*path, color=COLOUR.on, linewidth=1.6, alpha=0.6, zorder=2)
    for row in figure.rows:
        _offer(axes, row)
    most = 0.56 * 72.0 * wide * box.width
    said = [fitted(str(row[0]), most, square.font) for row in named]
    if names == "below":
        said = [str(place) for place in range(1, len(named) + 1)]
        _list(canvas, square, list_height, [str(row[0]) for row in named])
    complete = _write_beside(axes, figure, dict(zip(named, said, strict=True)), square)
    style = {"color": COLOUR.soft, "fontsize": square.font, "parse_math": False}
    axes.set_xlabel(axis_x, **style)
    if not narrow:  # in the narrow layout only the caption names the vertical axis
        axes.set_ylabel(fitted(axis_y, 72.0 * axes.get_position().height * height, square.font), **style)
    axes.tick_params(which="both", colors=COLOUR.soft, labelsize=square.font - 1, length=3)
    axes.grid(axis="y", color=COLOUR.line, linewidth=0.6)
    axes.set_axisbelow(True)
    open_frame(axes)
    return canvas, complete


def _list(canvas: MplFigure, layout: Layout, height: float, names: Sequence[str]) -> None:
    """Write the numbered names one below the other at the foot of the figure."""
    line = _LINE * layout.font / 72.0 / canvas.get_figheight()
    room = 72.0 * layout.width * 0.96
    for place, name in enumerate(names):
        style = {"color": COLOUR.ink, "fontsize": layout.font, "parse_math": False, "va": "center"}
        shown = fitted(f"{place + 1}  {name}", room, layout.font)
        canvas.text(0.02, height / canvas.get_figheight() - (place + 0.5) * line, shown, ha="left", **style)


def _offer(axes: Axes, row: Line) -> None:
    verdict, on_front, base = str(row[1]), bool(row[6]), row[1] == "base"
    colour = {"better": COLOUR.good, "worse": COLOUR.bad}.get(verdict, COLOUR.neutral)
    x, y = number(row[2]), number(row[3])
    if row[4] is not None:
        axes.plot([x, x], [number(row[4]), number(row[5])], color=colour, linewidth=1.1, alpha=0.45, zorder=2)
    size, filled = 8.0 if on_front or base else 6.0, base or verdict in ("better", "worse")
    ink, shape = (COLOUR.ink, "s") if base else (colour, "o")
    mark(axes, x, y, ink, filled=filled, size=size, marker=shape, zorder=4)


def _write_beside(axes: Axes, figure: Figure, said: Mapping[Line, str], layout: Layout) -> bool:
    """Write the labels of rows, each as near to its mark as possible without covering a mark or another label.

    Returns:
        Whether every label fitted.
    """
    (left, right), (bottom, top) = axes.get_xlim(), axes.get_ylim()
    log = axes.get_xscale() == "log"
    box = axes.get_position()
    canvas = axes.get_figure(root=True)
    assert canvas is not None
    em = layout.font / 72.0 / (layout.width * box.width)
    line = _LINE * layout.font / 72.0 / (canvas.get_figheight() * box.height)

    def place(row: Line) -> tuple[float, float]:
        x, y = number(row[2]), number(row[3])
        across = math.log(x / left) / math.log(right / left) if log else (x - left) / (right - left)
        return across, (y - bottom) / (top - bottom)

    marks = [(x - 0.5 * em, y - 0.4 * line, x + 0.5 * em, y + 0.4 * line) for x, y in map(place, figure.rows)]
    taken = np.array(marks, dtype=np.float64)
    lines = _points_of([place(row) for row in figure.rows if row[6]], -bottom / (top - bottom))
    style: dict[str, Any] = {"transform": axes.transAxes, "ha": "left", "va": "center", "color": COLOUR.ink}
    n_without = 0
    for row, label in said.items():
        (x, y), wide = place(row), em * width(label)
        found = _nearest((x, y), (wide, line), taken, lines, aside=0.8 * em)
        if found is None:
            n_without += 1
            continue
        start, middle = found
        taken = np.vstack([taken, (start, middle - 0.5 * line, start + wide, middle + 0.5 * line)])
        end = min(max(x, start), start + wide), min(max(y, middle - 0.45 * line), middle + 0.45 * line)
        if math.hypot((end[0] - x) / (2.0 * em), (end[1] - y) / line) > 1.0:
            axes.plot([x, end[0]], [y, end[1]], color=COLOUR.soft, linewidth=0.8, zorder=3, transform=axes.transAxes)
        axes.text(start, middle, label, fontsize=layout.font, parse_math=False, zorder=5, **style)
    return n_without == 0


def _points_of(front: Sequence[tuple[float, float]], zero: float) -> NDArray[np.float64]:
    """Return points along the zero line and the front, which labels avoid if another place is near.

    Args:
        front, zero: in shares of the axes.
    """
    every = np.linspace(0.0, 1.0, 200)
    found = [np.column_stack([every, np.full_like(every, zero)])]
    if len(front) > 1:
        x, y = np.array(front).T
        found.append(np.column_stack([(dense := np.linspace(x[0], x[-1], 200)), np.interp(dense, x, y)]))
    return np.vstack(found)


def _nearest(
    mark_at: tuple[float, float],
    size: tuple[float, float],
    taken: NDArray[np.float64],
    lines: NDArray[np.float64],
    *,
    aside: float,
) -> tuple[float, float] | None:
    """Return left end and vertical middle of the free place in the axes nearest to a mark; None where none is free.

    Args:
        size: width and height of the label.
        taken: ``(left, low, right, high)`` of every mark and label, in shares of the axes.
        lines: points that should not be covered.
    """
    wide, line = size
    x, y = mark_at
    beside = np.array([x + aside, x - aside - wide])
    starts = np.concatenate([beside, np.linspace(0.0, 1.0 - wide, 60)])
    middles = np.concatenate([y + line * np.array([0.0, 0.75, -0.75]), np.linspace(0.6 * line, 1.0 - 0.6 * line, 60)])
    start, middle = (grid.ravel() for grid in np.meshgrid(starts, middles))
    inside = (start >= 0.0) & (start + wide <= 1.0) & (middle >= 0.55 * line) & (middle <= 1.0 - 0.55 * line)
    start, middle = start[inside], middle[inside]
    low, high = middle - 0.5 * line, middle + 0.5 * line
    free = ~(
        (start[:, None] < taken[:, 2] + 0.004)
        & (taken[:, 0] - 0.004 < (start + wide)[:, None])
        & (low[:, None] < taken[:, 3])
        & (taken[:, 1] < high[:, None])
    ).any(axis=1)
    if not free.any():
        return None
    start, middle = start[free], middle[free]
    across = x - np.clip(x, start, start + wide)
    up = y - np.clip(y, middle - 0.4 * line, middle + 0.4 * line)
    covered = (
        (start[:, None] < lines[:, 0])
        & (lines[:, 0] < (start + wide)[:, None])
        & (np.abs(middle[:, None] - lines[:, 1]) < 0.5 * line)
    ).any(axis=1)
    best = int(np.argmin(np.hypot(across, up) + line * covered))
    return float(start[best]), float(middle[best])


def _limits(figure: Figure, effect: NDArray[np.float64]) -> tuple[float, float]:
    """Return limits that show all estimates and typical intervals; very wide intervals are cut at the edge."""
    spans = [number(row[5]) - number(row[4]) for row in figure.rows if row[4] is not None]
    reach = 1.6 * float(np.median(spans)) if spans else 0.0
    lows, highs = [0.0, *effect.tolist()], [0.0, *effect.tolist()]
    for row in figure.rows:
        if row[4] is not None:
            lows.append(max(number(row[4]), number(row[3]) - reach))
            highs.append(min(number(row[5]), number(row[3]) + reach))
    margin = 0.08 * (max(highs) - min(lows)) or 1e-3
    return min(lows) - margin, max(highs) + margin
