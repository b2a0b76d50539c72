"""Every arm's effect with both of its intervals, single seeds, and what is too small to matter."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from harness.results.manifest import A_A
from reports.drawing.svg import COLOUR, Layout, dress_rows, ellipsis, new_figure, to_svg
from reports.locale import Catalogue, formats
from reports.sections.report import Figure, Row, Scalar
from reports.stats.analysis import Analysis

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_FIXED = ("arm", "verdict", "effect", "low", "high", "adjusted_low", "adjusted_high")


def table(rows: Sequence[Row], analysis: Analysis, decimals: int, text: Catalogue) -> Figure:
    """Effects on the primary metric, highest first; aliases and rows without a finished run are left out."""
    shown = [row for row in rows if row.effect is not None and row.kind == "arm" and not row.alias]
    replicates = analysis.frame.manifest.replicates
    label = formats.metric_label(analysis.primary)
    marks: dict[str, float] = {}
    if analysis.sesoi is not None:
        marks["sesoi"] = analysis.sesoi
    noise = analysis.effects.get(A_A)
    if noise is not None and noise.n_seeds > 1:
        marks["aa_low"], marks["aa_high"] = noise.interval()
    data: list[tuple[Scalar, ...]] = []
    for row in shown:
        low, high = row.plain or (0.0, 0.0)
        adjusted = row.adjusted or (None, None)
        seeds = [row.seed_effects.get(str(number)) for number in replicates]
        data.append((row.name, row.verdict, row.effect, low, high, *adjusted, *seeds))
    if shown:
        ends = {
            "n_rows": text.count("count.arms", len(shown)),
            "first": shown[0].name,
            "first_effect": formats.signed(shown[0].effect, decimals),
            "last": shown[-1].name,
            "last_effect": formats.signed(shown[-1].effect, decimals),
            "above": sum(row.adjusted is not None and row.adjusted[0] > 0.0 for row in shown),
            "below": sum(row.adjusted is not None and row.adjusted[1] < 0.0 for row in shown),
        }
        alt = text("figure.forest.alt_one" if analysis.one_seed else "figure.forest.alt", **ends)
    else:
        alt = text("figure.forest.empty")
    return Figure(
        id="forest",
        title=text("figure.forest.title"),
        caption=text("figure.forest.caption_one" if analysis.one_seed else "figure.forest.caption", metric=label),
        alt=alt,
        columns=(*_FIXED, *(f"seed_{number}" for number in replicates)),
        rows=tuple(data),
        marks=marks,
    )


def draw(figure: Figure, axis_label: str, layout: Layout) -> str:
    """The forest plot as SVG; the narrow layout writes each name above its line."""
    rows = figure.rows
    narrow = layout.narrow
    pitch = 0.46 if narrow else 0.34
    canvas, axes = new_figure(layout, height=1.0 + pitch * len(rows))
    limits = _limits(figure)
    _bands(axes, figure)
    for place, row in enumerate(rows):
        _arm(axes, place, row, limits)
        name = ellipsis(str(row[0]), 46 if narrow else 30)
        style = {"color": COLOUR.ink, "fontsize": layout.font, "parse_math": False}
        if narrow:
            axes.text(limits[0], place - 0.36, name, ha="left", va="center", **style)
        else:
            axes.text(-0.02, place, name, ha="right", va="center", transform=axes.get_yaxis_transform(), **style)
    axes.axvline(0.0, color=COLOUR.ink, linewidth=1.0, zorder=2)
    axes.set_xlim(limits)
    dress_rows(axes, layout, n_rows=len(rows), label=axis_label)
    return to_svg(canvas, f"forest-{'narrow' if narrow else 'wide'}")


def _bands(axes: Axes, figure: Figure) -> None:
    marks = figure.marks
    if "sesoi" in marks:
        axes.axvspan(-marks["sesoi"], marks["sesoi"], color=COLOUR.band, linewidth=0, zorder=0)
    if "aa_low" in marks:
        axes.axvspan(
            marks["aa_low"],
            marks["aa_high"],
            facecolor="none",
            edgecolor=COLOUR.hatch,
            hatch="////",
            linewidth=0.0,
            zorder=1,
        )


def _arm(axes: Axes, place: int, row: tuple[Scalar, ...], limits: tuple[float, float]) -> None:
    verdict = str(row[1])
    effect, low, high, adjusted_low, adjusted_high, *seeds = (_float(value) for value in row[2:])
    colour = {"better": COLOUR.good, "worse": COLOUR.bad}.get(verdict, COLOUR.neutral)
    if not math.isnan(adjusted_low):
        _line(axes, place, adjusted_low, adjusted_high, limits, colour, 1.1)
    _line(axes, place, low, high, limits, colour, 3.4, dotted=verdict == "one_seed")
    dots = [value for value in seeds if not math.isnan(value) and limits[0] <= value <= limits[1]]
    axes.plot(
        dots,
        [place + 0.24] * len(dots),
        linestyle="none",
        marker="o",
        markersize=2.8,
        color=COLOUR.soft,
        alpha=0.75,
        markeredgewidth=0,
        zorder=4,
    )
    axes.plot(
        [min(max(effect, limits[0]), limits[1])],
        [place],
        marker="o",
        markersize=6.2,
        markerfacecolor=COLOUR.paper if verdict in ("inconclusive", "one_seed", "no_effect") else colour,
        markeredgecolor=colour,
        markeredgewidth=1.6,
        zorder=5,
    )


def _line(
    axes: Axes,
    place: int,
    low: float,
    high: float,
    limits: tuple[float, float],
    colour: str,
    width: float,
    dotted: bool = False,
) -> None:
    left, right = max(low, limits[0]), min(high, limits[1])
    axes.plot(
        [left, right],
        [place, place],
        color=colour,
        linewidth=width,
        linestyle=(0, (0.5, 0.7)) if dotted else "-",
        solid_capstyle="butt",
        zorder=3,
    )
    for cut, end, mark in ((low < limits[0], limits[0], "<"), (high > limits[1], limits[1], ">")):
        if cut:
            axes.plot([end], [place], marker=mark, markersize=4.5, color=colour, clip_on=False, markeredgewidth=0)


def _limits(figure: Figure) -> tuple[float, float]:
    """Limits that show all estimates and typical intervals; a very wide one is cut and gets an arrow."""
    if not figure.rows:
        return -1.0, 1.0
    effect, low, high = (np.array(figure.column(name), dtype=float) for name in ("effect", "low", "high"))
    adjusted = np.array(
        [[_float(value) for value in row[5:7]] for row in figure.rows],
        dtype=float,
    )
    reach = 5.0 * float(np.median(high - low)) / 2.0
    marks = figure.marks
    lows = [0.0, *np.maximum(low, effect - reach), -1.15 * marks.get("sesoi", 0.0), marks.get("aa_low", 0.0)]
    highs = [0.0, *np.minimum(high, effect + reach), 1.15 * marks.get("sesoi", 0.0), marks.get("aa_high", 0.0)]
    if not np.isnan(adjusted).any():
        lows.extend(np.maximum(adjusted[:, 0], effect - reach))
        highs.extend(np.minimum(adjusted[:, 1], effect + reach))
    left, right = float(min(lows)), float(max(highs))
    margin = 0.04 * (right - left) or 1e-3
    return left - margin, right + margin


def _float(value: Scalar) -> float:
    return math.nan if value is None else float(value)
