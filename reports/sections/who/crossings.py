"""Users whose target enters or leaves the top places when an arm replaces base."""

from __future__ import annotations

from harness.results.manifest import A_A
from reports.drawing.figure import Figure, figure_of, number
from reports.drawing.svg import COLOUR, Layout, dress_rows, mark, new_figure, to_svg, whisker, write_name
from reports.locale import formats
from reports.sections.base import SectionInput
from reports.stats.crossings import CUT

COLUMNS = ("arm", "gained", "lost", "gained_always", "lost_always", "net", "net_low", "net_high", "n_seeds")


def table(given: SectionInput) -> Figure:
    """Return users gained and lost per seed, in ranking order; aliases are left out."""
    text = given.text
    data: list[tuple[str, float, float, int | None, int | None, float, float, float, int]] = []
    for row in given.rows:
        found = given.analysis.crossings.get(row.name)
        if found is not None:
            always = (found.gained_always, found.lost_always)
            data.append((row.name, found.gained, found.lost, *always, found.net, found.low, found.high, found.n_seeds))
    arms = [row for row in data if row[0] != A_A]
    alt = text("figure.crossings.empty")
    if arms:
        most, least = max(arms, key=lambda row: row[1]), max(arms, key=lambda row: row[2])
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
    return figure_of("crossings", text, COLUMNS, data if arms else (), alt=alt, cut=CUT)


def draw(figure: Figure, axis_label: str, layout: Layout) -> str:
    """Return bars to both sides, gained and lost users, as SVG."""
    rows = figure.rows
    canvas, axes = new_figure(layout, height=0.95 + (0.5 if layout.narrow else 0.34) * len(rows))
    ends = [max(number(row[1]), number(row[2])) for row in rows]
    reach = 1.12 * max(*ends, *(abs(number(row[5])) for row in rows), 1.0)
    for place, row in enumerate(rows):
        gained, lost, net, low, high = (number(row[column]) for column in (1, 2, 5, 6, 7))
        write_name(axes, layout, place, str(row[0]), -reach, rise=0.42)
        alpha = 0.35 if row[0] == A_A else 0.6
        axes.barh([place], [gained], height=0.42, color=COLOUR.good, alpha=alpha, linewidth=0, zorder=2)
        axes.barh([place], [-lost], height=0.42, color=COLOUR.bad, alpha=alpha, linewidth=0, zorder=2)
        whisker(axes, place, low, high, (-reach, reach), COLOUR.ink, linewidth=1.3, zorder=4)
        mark(axes, net, place, COLOUR.ink, filled=False, size=5.5, markeredgewidth=1.5)
    axes.axvline(0.0, color=COLOUR.ink, linewidth=1.0, zorder=3)
    axes.set_xlim(-reach, reach)
    dress_rows(axes, layout, n_rows=len(rows), label=axis_label)
    axes.xaxis.set_major_formatter(lambda users, _: f"{abs(users):g}")
    return to_svg(canvas, f"crossings-{layout.name}")
