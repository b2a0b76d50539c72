"""Users whose target enters or leaves the first places where base is replaced by an arm."""

from __future__ import annotations

import math
from collections.abc import Sequence

from harness.results.manifest import A_A
from reports.drawing.svg import COLOUR, Layout, dress_rows, ellipsis, new_figure, to_svg
from reports.locale import Catalogue, formats
from reports.sections.report import Figure, Row, Scalar
from reports.stats.analysis import Analysis
from reports.stats.crossings import CUT

COLUMNS = ("arm", "gained", "lost", "gained_always", "lost_always", "net", "net_low", "net_high")


def table(rows: Sequence[Row], analysis: Analysis, text: Catalogue) -> Figure:
    """Users gained and lost a seed, in the order of the ranking; aliases are left out."""
    data: list[tuple[str, float, float, int | None, int | None, float, float, float]] = []
    for row in rows:
        found = analysis.crossings.get(row.name)
        if found is not None:
            always = (found.gained_always, found.lost_always)
            data.append((row.name, found.gained, found.lost, *always, found.net, found.low, found.high))
    arms = [row for row in data if row[0] != A_A]
    if arms:
        most = max(arms, key=lambda row: row[1])
        least = max(arms, key=lambda row: row[2])
        best = max(arms, key=lambda row: row[5])
        alt = text(
            "figure.crossings.alt",
            n_rows=text.count("count.arms", len(arms)),
            most=most[0],
            gained=formats.number(most[1], 1),
            least=least[0],
            lost=formats.number(least[2], 1),
            best=best[0],
            net=formats.signed(best[5], 1),
        )
    else:
        alt = text("figure.crossings.empty")
    return Figure(
        id="crossings",
        title=text("figure.crossings.title"),
        caption=text("figure.crossings.caption", cut=CUT),
        alt=alt,
        columns=COLUMNS,
        rows=tuple(data) if arms else (),
    )


def draw(figure: Figure, axis_label: str, layout: Layout) -> str:
    """Bars to both sides as SVG."""
    rows, narrow = figure.rows, layout.narrow
    canvas, axes = new_figure(layout, height=0.95 + (0.5 if narrow else 0.34) * len(rows))
    ends = [max(_number(row[1]), _number(row[2])) for row in rows]
    reach = 1.12 * max(*ends, *(abs(_number(row[5])) for row in rows), 1.0)
    style = {"color": COLOUR.ink, "fontsize": layout.font, "parse_math": False}
    for place, row in enumerate(rows):
        gained, lost, net, low, high = (_number(row[column]) for column in (1, 2, 5, 6, 7))
        name = ellipsis(str(row[0]), 46 if narrow else 30)
        if narrow:
            axes.text(-reach, place - 0.42, name, ha="left", va="center", **style)
        else:
            axes.text(-0.02, place, name, ha="right", va="center", transform=axes.get_yaxis_transform(), **style)
        alpha = 0.35 if row[0] == A_A else 0.6
        axes.barh([place], [gained], height=0.42, color=COLOUR.good, alpha=alpha, linewidth=0, zorder=2)
        axes.barh([place], [-lost], height=0.42, color=COLOUR.bad, alpha=alpha, linewidth=0, zorder=2)
        axes.plot([max(low, -reach), min(high, reach)], [place, place], color=COLOUR.ink, linewidth=1.3, zorder=4)
        for cut, end, mark in ((low < -reach, -reach, "<"), (high > reach, reach, ">")):
            if cut:
                axes.plot([end], [place], marker=mark, markersize=4.5, color=COLOUR.ink, clip_on=False, zorder=4)
        axes.plot(
            [net],
            [place],
            "o",
            markersize=5.5,
            markerfacecolor=COLOUR.paper,
            markeredgecolor=COLOUR.ink,
            markeredgewidth=1.5,
            zorder=5,
        )
    axes.axvline(0.0, color=COLOUR.ink, linewidth=1.0, zorder=3)
    axes.set_xlim(-reach, reach)
    dress_rows(axes, layout, n_rows=len(rows), label=axis_label)
    axes.xaxis.set_major_formatter(lambda users, _: f"{abs(users):g}")
    return to_svg(canvas, f"crossings-{'narrow' if narrow else 'wide'}")


def _number(value: Scalar) -> float:
    return math.nan if value is None else float(value)
