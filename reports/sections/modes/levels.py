"""What retrieval adds: the primary metric with the same weights, retrieval off and on."""

from __future__ import annotations

from collections.abc import Sequence

from harness.results.manifest import BASE
from reports.drawing.svg import COLOUR, Layout, dress_rows, ellipsis, new_figure, to_svg
from reports.locale import Catalogue, formats
from reports.sections.report import Figure, Row

COLUMNS = ("arm", "off", "on", "gain", "gain_low", "gain_high", "q")


def table(rows: Sequence[Row], label: str, decimals: int, text: Catalogue) -> Figure:
    """Levels off and on, and the gain with its interval, in the order of the ranking; aliases are left out."""
    primary = label.lower()
    data: list[tuple[str, float, float, float, float, float, float | None]] = []
    for row in rows:
        if row.gain is None or row.alias:
            continue
        cell = next(cell for cell in row.metrics if cell.metric == primary)
        gain = row.gain
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
    return Figure(
        id="modes",
        title=text("figure.modes.title"),
        caption=text("figure.modes.caption", metric=label),
        alt=alt,
        columns=COLUMNS,
        rows=tuple(data),
        marks={} if base is None else {"base_on": base[2]},
    )


def draw(figure: Figure, axis_label: str, layout: Layout) -> str:
    """The pairs of levels as SVG."""
    rows = figure.rows
    narrow = layout.narrow
    canvas, axes = new_figure(layout, height=0.95 + (0.46 if narrow else 0.31) * len(rows))
    off, on = ([float(value) for value in figure.column(name)] for name in ("off", "on"))
    low, high = min(off + on), max(off + on)
    margin = 0.05 * (high - low) or 0.05 * abs(high) or 1e-3
    limits = (low - margin, high + margin)
    if "base_on" in figure.marks:
        axes.axvline(figure.marks["base_on"], color=COLOUR.soft, linewidth=1.0, zorder=1)
    for place, row in enumerate(rows):
        style = {"color": COLOUR.ink, "fontsize": layout.font, "parse_math": False}
        name = ellipsis(str(row[0]), 46 if narrow else 30)
        if narrow:
            axes.text(limits[0], place - 0.36, name, ha="left", va="center", **style)
        else:
            axes.text(-0.02, place, name, ha="right", va="center", transform=axes.get_yaxis_transform(), **style)
        axes.plot([off[place], on[place]], [place, place], color=COLOUR.neutral, linewidth=2.0, zorder=2)
        axes.plot(
            [off[place]],
            [place],
            "o",
            markersize=6.5,
            markerfacecolor=COLOUR.paper,
            markeredgecolor=COLOUR.off,
            markeredgewidth=1.7,
            zorder=3,
        )
        axes.plot([on[place]], [place], "o", markersize=6.5, color=COLOUR.on, zorder=4)
    axes.set_xlim(limits)
    dress_rows(axes, layout, n_rows=len(rows), label=axis_label)
    return to_svg(canvas, f"modes-{'narrow' if narrow else 'wide'}")
