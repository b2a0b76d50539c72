"""The primary metric with the same weights, retrieval off and on."""

from __future__ import annotations

import numpy as np

from harness.results.manifest import BASE
from harness.results.record import Mode
from reports.drawing.figure import Figure, figure_of, number
from reports.drawing.svg import (
    COLOUR,
    LEAST_SPAN,
    NAME_RISE,
    NAMED_ROW,
    Layout,
    dress_rows,
    mark,
    new_figure,
    to_svg,
    whisker,
    widened,
    write_name,
)
from reports.locale import formats
from reports.sections.base import SectionInput

MODES: tuple[Mode, ...] = ("off", "on")
SPAN = f"{LEAST_SPAN:.0%}"
COLUMNS = ("arm", "off", "on", "gain", "gain_low", "gain_high", "q", "n_seeds", "base_off", "base_on")


def table(given: SectionInput) -> Figure:
    """Return levels off and on, and the gain with its interval, in ranking order; aliases are left out.

    All values, and base's levels in the same line, are over the replicates that the row shares with base.
    """
    text, decimals, frame = given.text, given.decimals, given.frame
    data: list[tuple[str, float, float, float, float, float, float | None, int, float, float]] = []
    for row in given.rows:
        if row.gain is None or row.alias:
            continue
        gain, paired = row.gain, frame.paired(row.name)
        off, on, base_off, base_on = (
            float(frame.values(name, given.analysis.primary, "test", mode, paired).mean())
            for name in (row.name, BASE)
            for mode in MODES
        )
        data.append((row.label, off, on, gain.effect, gain.low, gain.high, gain.q, len(paired), base_off, base_on))
    of_base = frame.row(BASE).arm
    base = next((row for row in data if row[0] == of_base), None)
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
    caption = "caption" if len({row[7] for row in data}) < 2 else "caption_fewer"
    return figure_of("modes", text, COLUMNS, data, alt=alt, caption=caption, metric=given.metric, span=SPAN)


def draw(figure: Figure, axis_label: str, layout: Layout) -> str:
    """Return the pairs of levels and the interval of each gain as SVG; the axis spans at least a tenth of the level."""
    rows = figure.rows
    canvas, axes = new_figure(layout, height=0.95 + (NAMED_ROW if layout.narrow else 0.31) * len(rows))
    off, on, low, high, base = (
        [number(value) for value in figure.column(name)] for name in ("off", "on", "gain_low", "gain_high", "base_on")
    )
    low, high = ([start + gain for start, gain in zip(off, gains, strict=True)] for gains in (low, high))
    # A row with few seeds has a very wide interval, which is cut and gets an arrow.
    reach = 3.0 * float(np.median([right - left for left, right in zip(low, high, strict=True)]))
    limits = widened(
        min(*off, *on, *(max(left, level - reach) for left, level in zip(low, on, strict=True))),
        max(*off, *on, *(min(right, level + reach) for right, level in zip(high, on, strict=True))),
    )
    for place, row in enumerate(rows):
        write_name(axes, layout, place, str(row[0]), limits[0], rise=NAME_RISE)
        axes.plot([base[place]] * 2, [place - 0.5, place + 0.5], color=COLOUR.soft, linewidth=1.0, zorder=1)
        whisker(axes, place, low[place], high[place], limits, COLOUR.on, linewidth=1.2)
        axes.plot([off[place], on[place]], [place, place], color=COLOUR.neutral, linewidth=3.2, alpha=0.6, zorder=2)
        mark(axes, off[place], place, COLOUR.off, filled=False, size=6.5, markeredgewidth=1.7, zorder=3)
        axes.plot([on[place]], [place], "o", markersize=6.5, color=COLOUR.on, zorder=4)
    axes.set_xlim(limits)
    dress_rows(axes, layout, n_rows=len(rows), label=axis_label)
    return to_svg(canvas, f"modes-{layout.name}")
