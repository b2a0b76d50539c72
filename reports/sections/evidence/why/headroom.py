"""Head-room: the largest possible gain of a mixture, each oracle compared with the same on shuffled neighbours."""

from __future__ import annotations

from typing import Any

from reports.drawing.figure import Figure, Line, figure_of, finite
from reports.drawing.svg import COLOUR, Layout, dress_rows, new_figure, stacked, starts, to_svg
from reports.locale import Catalogue, formats
from reports.sections.evidence.measured import Evidence

COLUMNS = ("arm", "queries", "bar", "ndcg@10")
BARS: tuple[tuple[str, tuple[str, ...]], ...] = (
    (
        "valid",
        (
            "off",
            "on",
            "best_common",
            "oracle_alpha",
            "oracle_alpha_shuffled",
            "oracle_switch",
            "oracle_switch_shuffled",
            "interpolation_valid",
            "interpolation_valid_shuffled",
            "unseen",
            "interpolation_unseen",
        ),
    ),
    ("test", ("off_test", "interpolation_test", "interpolation_test_shuffled")),
)
"""Set of queries, and the bars drawn for it, the backbone first."""
BACKBONES = frozenset({"off", "unseen", "off_test"})
"""Bars of the backbone without retrieval."""


def table(evidence: Evidence, text: Catalogue) -> Figure:
    """Return NDCG@10 of every bar of every row; bars without a number are left out."""
    data: list[Line] = []
    for name in evidence.names:
        figures = evidence.figures(name)
        for queries, bars in BARS:
            found = [(bar, finite(figures.get(f"head_room.{bar}"))) for bar in bars]
            data.extend((name, queries, bar, value) for bar, value in found if value is not None)
    alt = _alt(data, text) if data else text("figure.headroom.empty")
    return figure_of("headroom", text, COLUMNS, data, alt=alt)


def draw(figure: Figure, text: Catalogue, layout: Layout) -> str:
    """Return the bars of the first row as SVG, one block per set of queries, with a line at the backbone's level."""
    rows = next(iter(figure.by_arm().values()))
    heads = starts([str(row[1]) for row in rows])
    heights, headings = stacked(len(rows), heads, gap=0.5, head=1.25 if layout.narrow else 1.0)
    step = 0.42 if layout.narrow else 0.3
    canvas, axes = new_figure(layout, height=0.8 + step * (heights[-1] + 1.2))
    most = max(_value(row) for row in rows) or 1.0
    style: dict[str, Any] = {"color": COLOUR.ink, "fontsize": layout.font, "parse_math": False, "va": "center"}
    outside: dict[str, Any] = {"transform": axes.get_yaxis_transform()}
    for height, queries in headings:
        title = text(f"figure.headroom.queries.{queries}")
        place = {"x": 0.0, "ha": "left"} if layout.narrow else {"x": -0.02, "ha": "right"}
        axes.text(y=height, s=title, **style | {"color": COLOUR.soft}, **place, **outside)
    for height, row in zip(heights, rows, strict=True):
        bar, value = str(row[2]), _value(row)
        shuffled, backbone = bar.endswith("_shuffled"), bar in BACKBONES
        colour = COLOUR.off if backbone else COLOUR.on
        fill = (
            {"color": "none", "edgecolor": colour, "linewidth": 1.3} if shuffled else {"color": colour, "linewidth": 0}
        )
        label = text(f"figure.headroom.bar.{bar}")
        if layout.narrow:
            axes.text(0.0, height - 0.44, label, ha="left", **style)
        else:
            axes.text(-0.02, height, label, ha="right", **style, **outside)
        axes.barh(height, value, height=0.34 if layout.narrow else 0.6, zorder=2, **fill)
        plate = {"facecolor": COLOUR.paper, "edgecolor": "none", "pad": 1.0}
        axes.text(value + 0.012 * most, height, formats.number(value), ha="left", bbox=plate, zorder=4, **style)
    for _, queries in headings:
        block = [height for height, row in zip(heights, rows, strict=True) if row[1] == queries]
        backbone = next((_value(row) for row in rows if row[1] == queries and str(row[2]).startswith("off")), None)
        if backbone is not None:
            ends = [block[0] - 0.4, block[-1] + 0.4]
            axes.plot([backbone] * 2, ends, color=COLOUR.soft, linewidth=1.1, linestyle=(0, (4, 3)), zorder=3)
    axes.set_xlim(0.0, 1.16 * most)
    dress_rows(axes, layout, n_rows=1, label=text("figure.headroom.axis"))
    axes.set_ylim(heights[-1] + 0.8, -0.8)
    return to_svg(canvas, f"headroom-{layout.name}")


def _alt(data: list[Line], text: Catalogue) -> str:
    first = data[0][0]
    parts = [
        text(
            "figure.headroom.alt_bar",
            bar=text(f"figure.headroom.bar.{row[2]}"),
            value=formats.number(_value(row)),
        )
        for row in data
        if row[0] == first and row[1] == data[0][1]
    ]
    return text("figure.headroom.alt", row=first, bars=text("list.comma").join(parts))


def _value(row: Line) -> float:
    assert row[3] is not None
    return float(row[3])
