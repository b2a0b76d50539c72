"""The effect of every arm within groups of users, one small panel per arm, all on one scale."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from reports.drawing.figure import Figure, Line, Panel, figure_of, number
from reports.drawing.svg import COLOUR, Layout, mark, new_figure, open_frame, stacked, starts, to_svg, whisker
from reports.locale import Catalogue, formats
from reports.sections.base import SectionInput
from reports.sections.who.model import WhoGains

COLUMNS = ("arm", "factor", "group", "n_users", "base", "effect", "low", "high", "p", "q", "effect_all")
PANEL = Layout(narrow=True, width=4.6, left=0.34, font=10.5)


def table(who: WhoGains, given: SectionInput) -> Figure:
    """Return effects by group, arms in ranking order and A/A after them."""
    data: list[Line] = []
    for row in who.rows:
        for group, cell in zip(who.groups, row.cells, strict=True):
            if cell is not None:
                where = (row.name, group.factor, group.label, round(group.n_users, 1), group.base)
                data.append((*where, cell.effect, cell.low, cell.high, cell.p, cell.q, row.effect))
    text = given.text
    n_rows = text.count("count.arms", len({line[0] for line in data}))
    alt = text("figure.groups.alt", n_rows=n_rows, metric=given.metric, n_groups=len(who.groups))
    return figure_of(
        "groups",
        text,
        COLUMNS,
        data,
        alt=alt if data else text("figure.groups.empty"),
        caption="caption_one" if given.analysis.one_seed else "caption" if who.n_tests else "caption_none",
        metric=given.metric,
    )


def panels(figure: Figure, text: Catalogue, decimals: int) -> list[Panel]:
    """Return one panel per row, in the order of the table."""
    if not figure.rows:
        return []
    limits = _limits(figure)
    return [
        (name, _alt(name, rows, text, decimals), draw(rows, limits, f"groups-{place}", text))
        for place, (name, rows) in enumerate(figure.by_arm().items())
    ]


def draw(rows: Sequence[Line], limits: tuple[float, float], name: str, text: Catalogue) -> str:
    """Return one arm's panel as SVG."""
    places, factors = stacked(len(rows), starts([str(row[1]) for row in rows]), gap=0.35, head=1.0)
    canvas, axes = new_figure(PANEL, height=0.85 + 0.255 * (places[-1] + 1.0))
    left, right = limits
    axes.axvline(0.0, color=COLOUR.ink, linewidth=1.0, zorder=2)
    overall = number(rows[0][10])
    if left < overall < right:
        axes.axvline(overall, color=COLOUR.soft, linewidth=1.0, linestyle=(0, (4, 3)), zorder=1)
    style = {"va": "center", "ha": "right", "fontsize": PANEL.font - 0.5, "parse_math": False}
    for place, factor in factors:
        heading = text(f"who.factor_short.{factor}")
        axes.text(-0.03, place, heading, color=COLOUR.soft, transform=axes.get_yaxis_transform(), **style)
    for place, row in zip(places, rows, strict=True):
        axes.text(-0.03, place, str(row[2]), color=COLOUR.ink, transform=axes.get_yaxis_transform(), **style)
        effect, low, high = (number(value) for value in row[5:8])
        holds = row[9] is not None and number(row[9]) < 0.05
        colour = (COLOUR.good if effect > 0.0 else COLOUR.bad) if holds else COLOUR.neutral
        whisker(axes, place, low, high, limits, colour, linewidth=2.2)
        mark(axes, effect, place, colour, filled=holds, size=6.0, markeredgewidth=1.5, zorder=4)
    axes.set_xlim(left, right)
    axes.set_ylim(places[-1] + 0.6, -0.6)
    axes.set_yticks([])
    axes.set_xlabel(text("figure.groups.axis"), color=COLOUR.soft, fontsize=PANEL.font - 0.5)
    axes.tick_params(axis="x", colors=COLOUR.soft, labelsize=PANEL.font - 1.0, length=3)
    axes.locator_params(axis="x", nbins=5)
    open_frame(axes)
    return to_svg(canvas, name)


def _limits(figure: Figure) -> tuple[float, float]:
    """Return limits that show every estimate and typical intervals; the widest intervals are cut and get an arrow."""
    effect, low, high = (np.array(figure.column(name), dtype=np.float64) for name in ("effect", "low", "high"))
    reach = max(float(np.quantile(np.maximum(np.abs(low), np.abs(high)), 0.85)), 1e-6)
    left = max(-float(effect.min()), min(reach, max(float(-low.min()), 0.15 * reach)))
    right = max(float(effect.max()), min(reach, max(float(high.max()), 0.15 * reach)))
    return -1.08 * left, 1.08 * right


def _alt(name: str, rows: Sequence[Line], text: Catalogue, decimals: int) -> str:
    def named(row: Line) -> str:
        return f"{text(f'who.factor_short.{row[1]}')} {row[2]}"

    ordered = sorted(rows, key=lambda row: -number(row[5]))
    holds = [named(row) for row in rows if row[9] is not None and number(row[9]) < 0.05]
    return text(
        "figure.groups.panel_alt",
        row=name,
        most=named(ordered[0]),
        most_effect=formats.signed(number(ordered[0][5]), decimals),
        least=named(ordered[-1]),
        least_effect=formats.signed(number(ordered[-1][5]), decimals),
        all=formats.signed(number(rows[0][10]), decimals),
        holds=text("list.comma").join(holds) or text("list.none"),
    )
