"""The effect of every arm within groups of users, a small panel an arm, on one scale."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from reports.drawing.svg import COLOUR, Layout, new_figure, to_svg
from reports.locale import Catalogue, formats
from reports.sections.model import GroupRow, UserGroup, WhoGains
from reports.sections.report import Figure, Scalar

COLUMNS = ("arm", "factor", "group", "n_users", "base", "effect", "low", "high", "p", "q", "effect_all")
PANEL = Layout(narrow=True, width=4.6, left=0.34, font=10.5)


def table(who: WhoGains | None, label: str, one_seed: bool, text: Catalogue) -> Figure:
    """Effects by group, arms in the order of the ranking and A/A after them."""
    rows = () if who is None else who.rows
    groups = () if who is None else who.groups
    data = [
        _line(row, group, place) for row in rows for place, group in enumerate(groups) if row.cells[place] is not None
    ]
    n_rows = len({line[0] for line in data})
    alt = text("figure.groups.alt", n_rows=text.count("count.arms", n_rows), metric=label, n_groups=len(groups))
    return Figure(
        id="groups",
        title=text("figure.groups.title"),
        caption=text("figure.groups.caption_one" if one_seed else "figure.groups.caption", metric=label),
        alt=alt if data else text("figure.groups.empty"),
        columns=COLUMNS,
        rows=tuple(data),
    )


def _line(row: GroupRow, group: UserGroup, place: int) -> tuple[Scalar, ...]:
    cell = row.cells[place]
    assert cell is not None
    interval = (cell.effect, cell.low, cell.high, cell.p, cell.q)
    return (row.name, group.factor, group.label, round(group.n_users, 1), group.base, *interval, row.effect)


def panels(figure: Figure, text: Catalogue, decimals: int) -> list[tuple[str, str, str]]:
    """``(row, text alternative, SVG)`` of every row, in the order of the table."""
    by_name: dict[str, list[tuple[Scalar, ...]]] = {}
    for row in figure.rows:
        by_name.setdefault(str(row[0]), []).append(row)
    limits = _limits(figure)
    return [
        (name, _alt(name, rows, text, decimals), draw(rows, limits, f"groups-{place}", text))
        for place, (name, rows) in enumerate(by_name.items())
    ]


def draw(rows: Sequence[tuple[Scalar, ...]], limits: tuple[float, float], name: str, text: Catalogue) -> str:
    """One arm's panel as SVG."""
    places, factors = _places(rows)
    canvas, axes = new_figure(PANEL, height=0.85 + 0.255 * (places[-1] + 1.0))
    left, right = limits
    axes.axvline(0.0, color=COLOUR.ink, linewidth=1.0, zorder=2)
    overall = _number(rows[0][10])
    if left < overall < right:
        axes.axvline(overall, color=COLOUR.soft, linewidth=1.0, linestyle=(0, (4, 3)), zorder=1)
    style = {"va": "center", "ha": "right", "fontsize": PANEL.font - 0.5, "parse_math": False}
    for place, factor in factors:
        heading = text(f"who.factor_short.{factor}")
        axes.text(-0.03, place, heading, color=COLOUR.soft, transform=axes.get_yaxis_transform(), **style)
    for place, row in zip(places, rows, strict=True):
        axes.text(-0.03, place, str(row[2]), color=COLOUR.ink, transform=axes.get_yaxis_transform(), **style)
        effect, low, high = (_number(value) for value in row[5:8])
        holds = row[9] is not None and _number(row[9]) < 0.05
        colour = (COLOUR.good if effect > 0.0 else COLOUR.bad) if holds else COLOUR.neutral
        axes.plot([max(low, left), min(high, right)], [place, place], color=colour, linewidth=2.2, zorder=3)
        for cut, end, mark in ((low < left, left, "<"), (high > right, right, ">")):
            if cut:
                axes.plot([end], [place], marker=mark, markersize=4.5, color=colour, clip_on=False, markeredgewidth=0)
        if not left <= effect <= right:  # the arrow says where it is
            continue
        axes.plot(
            [effect],
            [place],
            marker="o",
            markersize=6.0,
            markerfacecolor=colour if holds else COLOUR.paper,
            markeredgecolor=colour,
            markeredgewidth=1.5,
            zorder=4,
        )
    axes.set_xlim(left, right)
    axes.set_ylim(places[-1] + 0.6, -0.6)
    axes.set_yticks([])
    axes.set_xlabel(text("figure.groups.axis"), color=COLOUR.soft, fontsize=PANEL.font - 0.5)
    axes.tick_params(axis="x", colors=COLOUR.soft, labelsize=PANEL.font - 1.0, length=3)
    axes.locator_params(axis="x", nbins=5)
    for side in ("left", "right", "top"):
        axes.spines[side].set_visible(False)
    axes.spines["bottom"].set_color(COLOUR.line)
    return to_svg(canvas, name)


def _places(rows: Sequence[tuple[Scalar, ...]]) -> tuple[list[float], list[tuple[float, str]]]:
    """Heights of the rows, and of the heading above the rows of each factor."""
    heights: list[float] = []
    headings: list[tuple[float, str]] = []
    height = 0.0
    for row in rows:
        if not headings or headings[-1][1] != row[1]:
            height += 0.35 if headings else 0.0
            headings.append((height, str(row[1])))
            height += 1.0
        heights.append(height)
        height += 1.0
    return heights, headings


def _limits(figure: Figure) -> tuple[float, float]:
    """Limits that show every arm's typical interval; the widest tenth of the ends is cut and gets an arrow."""
    effect, low, high = (np.array(figure.column(name), dtype=np.float64) for name in ("effect", "low", "high"))
    reach = max(float(np.quantile(np.maximum(np.abs(low), np.abs(high)), 0.85)), 1e-6)
    reach = max(reach, 1.15 * float(np.quantile(np.abs(effect), 0.97)))
    left = -min(reach, max(float(-low.min()), 0.15 * reach)) * 1.08
    right = min(reach, max(float(high.max()), 0.15 * reach)) * 1.08
    return left, right


def _alt(name: str, rows: Sequence[tuple[Scalar, ...]], text: Catalogue, decimals: int) -> str:
    def named(row: tuple[Scalar, ...]) -> str:
        return f"{text(f'who.factor_short.{row[1]}')} {row[2]}"

    ordered = sorted(rows, key=lambda row: -_number(row[5]))
    holds = [named(row) for row in rows if row[9] is not None and _number(row[9]) < 0.05]
    return text(
        "figure.groups.panel_alt",
        row=name,
        most=named(ordered[0]),
        most_effect=formats.signed(_number(ordered[0][5]), decimals),
        least=named(ordered[-1]),
        least_effect=formats.signed(_number(ordered[-1][5]), decimals),
        all=formats.signed(_number(rows[0][10]), decimals),
        holds=text("list.comma").join(holds) or text("list.none"),
    )


def _number(value: Scalar) -> float:
    return math.nan if value is None else float(value)
