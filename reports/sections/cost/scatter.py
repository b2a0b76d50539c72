"""Effect against run time, and the rows on the Pareto front."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from reports.drawing.figure import Figure, Line, figure_of, number
from reports.drawing.svg import COLOUR, Layout, ellipsis, mark, new_figure, open_frame, to_svg, widened
from reports.locale import formats
from reports.sections.base import SectionInput
from reports.sections.cost.build import Cost, offers_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes

COLUMNS = ("arm", "verdict", "seconds", "effect", "low", "high", "on_front", "query_ms", "serving_bytes", "n_seeds")


def table(cost: Cost, given: SectionInput) -> Figure:
    """Run time and effect of base and the arms, the quickest first; empty where nothing is on the front."""
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
    """The scatter as SVG."""
    from matplotlib.ticker import LogLocator, NullFormatter

    narrow = layout.narrow
    width, left = (layout.width, 0.17) if narrow else (9.6, 0.1)
    square = Layout(narrow=narrow, width=width, left=left, font=layout.font)
    height = 4.6 if narrow else 4.9
    canvas, axes = new_figure(square, height=height)
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
    _names(axes, figure, square, height)
    style = {"color": COLOUR.soft, "fontsize": square.font, "parse_math": False}
    axes.set_xlabel(axis_x, **style)
    if not narrow:  # the caption says it
        axes.set_ylabel(axis_y, **style)
    axes.tick_params(which="both", colors=COLOUR.soft, labelsize=square.font - 1, length=3)
    axes.grid(axis="y", color=COLOUR.line, linewidth=0.6)
    axes.set_axisbelow(True)
    open_frame(axes)
    return to_svg(canvas, f"cost-{layout.name}")


def _offer(axes: Axes, row: Line) -> None:
    verdict, on_front, base = str(row[1]), bool(row[6]), row[1] == "base"
    colour = {"better": COLOUR.good, "worse": COLOUR.bad}.get(verdict, COLOUR.neutral)
    x, y = number(row[2]), number(row[3])
    if row[4] is not None:
        axes.plot([x, x], [number(row[4]), number(row[5])], color=colour, linewidth=1.1, alpha=0.45, zorder=2)
    size, filled = 8.0 if on_front or base else 6.0, base or verdict in ("better", "worse")
    ink, shape = (COLOUR.ink, "s") if base else (colour, "o")
    mark(axes, x, y, ink, filled=filled, size=size, marker=shape, zorder=4)


def _names(axes: Axes, figure: Figure, layout: Layout, height: float) -> None:
    """Names beside the marks of base and of the front, each where it covers no other name and no mark, if it can."""
    (left, right), (bottom, top) = axes.get_xlim(), axes.get_ylim()
    log = axes.get_xscale() == "log"
    box = axes.get_position()
    letter = 0.64 * layout.font / 72.0 / (layout.width * box.width)
    line = 1.35 * layout.font / 72.0 / (height * box.height)

    def place(row: Line) -> tuple[float, float]:
        x, y = number(row[2]), number(row[3])
        across = math.log(x / left) / math.log(right / left) if log else (x - left) / (right - left)
        return across, (y - bottom) / (top - bottom)

    taken = [(x - 0.008, y - 0.4 * line, x + 0.008, y + 0.4 * line) for x, y in map(place, figure.rows)]
    inside: dict[str, Any] = {"transform": axes.transAxes}
    font: dict[str, Any] = {"fontsize": layout.font, "parse_math": False}
    for row in figure.rows:
        if not row[6] and row[1] != "base":
            continue
        name = ellipsis(str(row[0]), 24 if layout.narrow else 34)
        x, y = place(row)
        width = letter * len(name)
        options: list[tuple[float, float]] = []
        # The front rises, so it leaves the upper left and the lower right of a mark free.
        for rise in (0.75, 0.0, 1.6, 2.6, 3.6, 4.6, 5.6, 6.6):
            options += [(x - 0.014 - width, y + rise * line), (x + 0.014, y - rise * line)]
            options += [(x + 0.014, y + rise * line), (x - 0.014 - width, y - rise * line)]
        free = [
            (start, middle)
            for start, middle in options
            if start >= 0.01
            and start + width <= 1.01
            and 0.5 * line < middle < 1.0 - 0.5 * line
            and not any(
                start < other[2] and other[0] < start + width and abs(2.0 * middle - other[1] - other[3]) < 1.9 * line
                for other in taken
            )
        ]
        start, middle = free[0] if free else options[0 if x < 0.6 else 1]
        taken.append((start, middle - 0.5 * line, start + width, middle + 0.5 * line))
        after = start > x
        if abs(middle - y) > 1.2 * line:
            ends = [x, start if after else start + width], [y, middle]
            axes.plot(*ends, color=COLOUR.soft, linewidth=0.8, zorder=3, clip_on=False, **inside)
        across, side = (x + 0.014, "left") if after else (x - 0.014, "right")
        axes.text(across, middle, name, ha=side, va="center", color=COLOUR.ink, zorder=5, **font, **inside)


def _limits(figure: Figure, effect: NDArray[np.float64]) -> tuple[float, float]:
    """Limits that show all estimates and typical intervals; very wide ones run off the edge."""
    wide = [number(row[5]) - number(row[4]) for row in figure.rows if row[4] is not None]
    reach = 1.6 * float(np.median(wide)) if wide else 0.0
    lows, highs = [0.0, *effect.tolist()], [0.0, *effect.tolist()]
    for row in figure.rows:
        if row[4] is not None:
            lows.append(max(number(row[4]), number(row[3]) - reach))
            highs.append(min(number(row[5]), number(row[3]) + reach))
    margin = 0.08 * (max(highs) - min(lows)) or 1e-3
    return min(lows) - margin, max(highs) + margin
