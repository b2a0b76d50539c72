"""Figure: the effect of each common arm in both studies, one above the other, with the interval of that arm alone."""

from __future__ import annotations

from collections.abc import Sequence

from reports.drawing.figure import Figure, Line
from reports.drawing.svg import COLOUR, Layout, dress_rows, mark, new_figure, to_svg, write_name
from reports.output.comparison.model import Pair
from reports.output.comparison.text import Wording
from reports.stats.contrast import Scale

COLUMNS = ("arm", "a", "a_low", "a_high", "b", "b_low", "b_high")


def table(pairs: Sequence[Pair], metric: str, said: Wording) -> Figure:
    """Effects of both studies on one scale, in the order of `pairs`; aliases are left out."""
    text = said.text
    data: list[Line] = [
        (pair.name, pair.a.value, pair.a.low, pair.a.high, pair.b.value, pair.b.low, pair.b.high)
        for pair in pairs
        if not pair.alias and (pair.a.value is not None or pair.b.value is not None)
    ]
    alt = text("compare.figure.empty")
    if data:
        name, a, _, _, b, _, _ = data[0]
        shown = [said.difference(value if isinstance(value, float) else None) for value in (a, b)]
        first = {"first": name, "first_a": shown[0], "first_b": shown[1]}
        alt = text("compare.figure.alt", n_rows=text.count("count.arms", len(data)), **first, **said.names)
    return Figure(
        id="pairs",
        title=text("compare.figure.title"),
        caption=text(f"compare.figure.caption_{said.scale}", metric=metric, **said.names),
        alt=alt,
        columns=COLUMNS,
        rows=tuple(data),
    )


def draw(figure: Figure, axis_label: str, scale: Scale, layout: Layout) -> str:
    """The pairs of intervals as SVG: the first study filled, the second open below it."""
    unit = 1.0 if scale == "absolute" else 100.0
    canvas, axes = new_figure(layout, height=1.0 + (0.56 if layout.narrow else 0.44) * len(figure.rows))
    rows = [(str(row[0]), [None if value is None else unit * float(value) for value in row[1:]]) for row in figure.rows]
    ends = [0.0, *(value for _, values in rows for value in values if value is not None)]
    margin = 0.05 * (max(ends) - min(ends)) or 1e-3
    limits = (min(ends) - margin, max(ends) + margin)
    for place, (name, values) in enumerate(rows):
        write_name(axes, layout, place, name, limits[0], rise=0.38)
        for side, (colour, filled) in enumerate(((COLOUR.on, True), (COLOUR.off, False))):
            mean, low, high = values[3 * side : 3 * side + 3]
            if mean is None or low is None or high is None:
                continue
            height = place + (-0.06 if side == 0 else 0.2)
            axes.plot([low, high], [height, height], color=colour, linewidth=2.2, solid_capstyle="butt", zorder=3)
            shape, size = ("o", 6.2) if filled else ("s", 5.6)
            mark(axes, mean, height, colour, filled=filled, size=size, marker=shape, zorder=4)
    axes.axvline(0.0, color=COLOUR.ink, linewidth=1.0, zorder=2)
    axes.set_xlim(limits)
    dress_rows(axes, layout, n_rows=len(rows), label=axis_label)
    return to_svg(canvas, f"pairs-{layout.name}")
