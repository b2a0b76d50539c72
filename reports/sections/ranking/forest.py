"""The forest plot: every arm's effect with both of its intervals, single seeds, and the band too small to matter."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from harness.results.manifest import A_A
from reports.drawing.figure import Figure, Line, figure_of, number
from reports.drawing.svg import (
    COLOUR,
    NAME_RISE,
    NAMED_ROW,
    Layout,
    dress_rows,
    mark,
    new_figure,
    to_svg,
    whisker,
    write_name,
)
from reports.locale import formats
from reports.sections.base import SectionInput

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_FIXED = ("arm", "verdict", "effect", "low", "high", "adjusted_low", "adjusted_high")


def table(given: SectionInput) -> Figure:
    """Return the effects on the primary metric, highest first, without aliases and rows without a finished run."""
    analysis, text, decimals = given.analysis, given.text, given.decimals
    shown = [row for row in given.rows if row.effect is not None and row.kind == "arm" and not row.alias]
    marks: dict[str, float] = {}
    if analysis.sesoi is not None:
        marks["sesoi"] = analysis.sesoi
    noise = analysis.effects.get(A_A)
    if noise is not None and noise.n_seeds > 1:
        marks["aa_low"], marks["aa_high"] = noise.interval()
    replicates = given.manifest.replicates
    data: list[Line] = []
    for row in shown:
        seeds = [row.seed_effects.get(str(number)) for number in replicates]
        bounds = (*(row.plain or (0.0, 0.0)), *(row.adjusted or (None, None)))
        data.append((row.name, row.verdict, row.effect, *bounds, *seeds))
    one = "_one" if analysis.one_seed else ""
    alt = text("figure.forest.empty")
    if shown:
        alt = text(
            f"figure.forest.alt{one}",
            n_rows=text.count("count.arms", len(shown)),
            first=shown[0].name,
            first_effect=formats.signed(shown[0].effect, decimals),
            last=shown[-1].name,
            last_effect=formats.signed(shown[-1].effect, decimals),
            above=sum(row.adjusted is not None and row.adjusted[0] > 0.0 for row in shown),
            below=sum(row.adjusted is not None and row.adjusted[1] < 0.0 for row in shown),
        )
    columns = (*_FIXED, *(f"seed_{number}" for number in replicates))
    made = figure_of("forest", text, columns, data, alt=alt, caption=f"caption{one}", marks=marks, metric=given.metric)
    drawn = {
        "noise": "aa_low" in marks,
        "two_seeds": any(effect.method == "two seeds" for effect in analysis.effects.values()),
        "arrow": is_cut(made),
        "dotted": not one and any(row.plain and not row.adjusted and row.plain[0] < row.plain[1] for row in shown),
    }
    said = [text(f"figure.forest.{name}") for name, is_there in drawn.items() if is_there]
    return replace(made, caption=text("list.sentences").join([made.caption, *said]))


def draw(figure: Figure, axis_label: str, layout: Layout) -> str:
    """Return the forest plot as SVG; the narrow layout writes each name above its line."""
    rows = figure.rows
    canvas, axes = new_figure(layout, height=1.0 + (NAMED_ROW if layout.narrow else 0.34) * len(rows))
    limits = limits_of(figure)
    _bands(axes, figure)
    for place, row in enumerate(rows):
        _arm(axes, place, row, limits)
        write_name(axes, layout, place, str(row[0]), limits[0], rise=NAME_RISE)
    axes.axvline(0.0, color=COLOUR.ink, linewidth=1.0, zorder=2)
    axes.set_xlim(limits)
    dress_rows(axes, layout, n_rows=len(rows), label=axis_label)
    return to_svg(canvas, f"forest-{layout.name}")


def _bands(axes: Axes, figure: Figure) -> None:
    marks = figure.marks
    if "sesoi" in marks:
        axes.axvspan(-marks["sesoi"], marks["sesoi"], color=COLOUR.band, linewidth=0, zorder=0)
    if "aa_low" in marks:
        hatched: dict[str, Any] = {"facecolor": "none", "edgecolor": COLOUR.hatch, "hatch": "////", "linewidth": 0.0}
        axes.axvspan(marks["aa_low"], marks["aa_high"], zorder=1, **hatched)


def _arm(axes: Axes, place: int, row: Line, limits: tuple[float, float]) -> None:
    verdict = str(row[1])
    effect, low, high, adjusted_low, adjusted_high, *seeds = (number(value) for value in row[2:])
    colour = {"better": COLOUR.good, "worse": COLOUR.bad}.get(verdict, COLOUR.neutral)
    line: dict[str, Any] = {"solid_capstyle": "butt"}
    if not math.isnan(adjusted_low):
        whisker(axes, place, adjusted_low, adjusted_high, limits, colour, linewidth=1.1, **line)
    dots = (0, (0.5, 0.7)) if math.isnan(adjusted_low) and high > low else "-"
    whisker(axes, place, low, high, limits, colour, linewidth=3.4, linestyle=dots, **line)
    inside = [value for value in seeds if not math.isnan(value) and limits[0] <= value <= limits[1]]
    small: dict[str, Any] = {"linestyle": "none", "marker": "o", "markersize": 2.8, "markeredgewidth": 0}
    axes.plot(inside, [place + 0.2] * len(inside), color=COLOUR.soft, alpha=0.75, zorder=4, **small)
    filled = verdict in ("better", "worse", "equivalent")
    mark(axes, min(max(effect, limits[0]), limits[1]), place, colour, filled=filled)


def is_cut(figure: Figure) -> bool:
    """Return whether any interval extends beyond the limits."""
    left, right = limits_of(figure)
    ends = [number(value) for row in figure.rows for value in row[3:7]]
    return any(end < left or end > right for end in ends)


def limits_of(figure: Figure) -> tuple[float, float]:
    """Return limits that show all estimates and typical intervals; a very wide one is cut and gets an arrow."""
    if not figure.rows:
        return -1.0, 1.0
    effect, low, high = (np.array(figure.column(name), dtype=float) for name in ("effect", "low", "high"))
    adjusted = np.array([[number(value) for value in row[5:7]] for row in figure.rows], dtype=float)
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
