"""The primary metric with the same weights, retrieval off and on."""

from __future__ import annotations

from harness.results.manifest import BASE
from reports.drawing.figure import Figure, figure_of
from reports.drawing.svg import COLOUR, Layout, dress_rows, mark, new_figure, to_svg, write_name
from reports.locale import formats
from reports.sections.base import SectionInput

COLUMNS = ("arm", "off", "on", "gain", "gain_low", "gain_high", "q")


def table(given: SectionInput) -> Figure:
    """Levels off and on, and the gain with its interval, in the order of the ranking; aliases are left out."""
    text, decimals = given.text, given.decimals
    data: list[tuple[str, float, float, float, float, float, float | None]] = []
    for row in given.rows:
        cell = next((cell for cell in row.metrics if cell.metric == given.analysis.primary), None)
        gain = row.gain
        if gain is None or row.alias or cell is None or cell.off is None:
            continue
        data.append((row.name, cell.off, cell.on, gain.effect, gain.low, gain.high, gain.q))
    base = next((row for row in data if row[0] == BASE), None)
    if not data:
        alt = text("figure.forest.empty")
    else:
        most, least = max(data, key=lambda row: row[3]), min(data, key=lambda row: row[3])
        alt = text(
            "figure.modes.alt",
            n_rows=len(data),
            off=formats.number(base[1] if base else None, decimals),
            on=formats.number(base[2] if base else None, decimals),
            most=most[0],
            most_gain=formats.signed(most[3], decimals),
            least=least[0],
            least_gain=formats.signed(least[3], decimals),
        )
    marks = {} if base is None else {"base_on": base[2]}
    return figure_of("modes", text, COLUMNS, data, alt=alt, marks=marks, metric=given.metric)


def draw(figure: Figure, axis_label: str, layout: Layout) -> str:
    """The pairs of levels as SVG."""
    rows = figure.rows
    canvas, axes = new_figure(layout, height=0.95 + (0.46 if layout.narrow else 0.31) * len(rows))
    off, on = ([float(value) for value in figure.column(name)] for name in ("off", "on"))
    low, high = min(off + on), max(off + on)
    margin = 0.05 * (high - low) or 0.05 * abs(high) or 1e-3
    limits = (low - margin, high + margin)
    if "base_on" in figure.marks:
        axes.axvline(figure.marks["base_on"], color=COLOUR.soft, linewidth=1.0, zorder=1)
    for place, row in enumerate(rows):
        write_name(axes, layout, place, str(row[0]), limits[0])
        axes.plot([off[place], on[place]], [place, place], color=COLOUR.neutral, linewidth=2.0, zorder=2)
        mark(axes, off[place], place, COLOUR.off, filled=False, size=6.5, markeredgewidth=1.7, zorder=3)
        axes.plot([on[place]], [place], "o", markersize=6.5, color=COLOUR.on, zorder=4)
    axes.set_xlim(limits)
    dress_rows(axes, layout, n_rows=len(rows), label=axis_label)
    return to_svg(canvas, f"modes-{layout.name}")
