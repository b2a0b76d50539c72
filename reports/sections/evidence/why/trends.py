"""Figures of the diagnosis by epoch, one small panel per figure with base and some arms."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from reports.drawing.figure import Figure, Line, Panel, figure_of, finite, number
from reports.drawing.letters import fitted
from reports.drawing.svg import COLOUR, LEAST_SPAN, Layout, dress_panel, new_figure, to_svg, widened
from reports.locale import Catalogue, formats
from reports.sections.evidence.checks import mean
from reports.sections.evidence.measured import Evidence

if TYPE_CHECKING:
    from matplotlib.axes import Axes

TRENDS: tuple[tuple[str, str], ...] = (
    ("temperature.effective_neighbours", "number"),
    ("kl.p_ret_entropy", "number"),
    ("index.hit_rate", "share"),
    ("kl.new_information", "share"),
    ("index.staleness", "number"),
    ("index.distinct_targets", "number"),
    ("loss.share.alignment.retriever", "share"),
    ("loss.value.alignment", "number"),
)
COLUMNS = ("arm", "epoch", *(name for name, _ in TRENDS))
PANEL = Layout(narrow=True, width=4.2, left=0.15, font=10.5)
STYLES: tuple[tuple[str, str, str], ...] = (
    (COLOUR.ink, "o", "-"),
    (COLOUR.on, "s", "-"),
    (COLOUR.off, "^", "--"),
    (COLOUR.other, "D", "-."),
    (COLOUR.neutral, "v", ":"),
)
"""Colour, marker and line style of base and of the arms that are drawn, in order."""
_HEIGHT = 2.45


def table(evidence: Evidence, text: Catalogue) -> Figure:
    """Return the mean over runs at every diagnosed epoch, one line per arm and epoch."""
    data: list[Line] = []
    for name in evidence.names:
        entries = [entry for run in evidence.diaries(name) for entry in run]
        for epoch in sorted({entry.epoch for entry in entries}):
            found = [entry.figures for entry in entries if entry.epoch == epoch]
            values = (finite(mean([each.get(figure, math.nan) for each in found])) for figure, _ in TRENDS)
            data.append((name, epoch, *values))
    epochs = [int(row[1] or 0) for row in data]
    alt = text("figure.trends.empty")
    if data:
        alt = text("figure.trends.alt", n_rows=len(evidence.names), last=max(epochs))
    return figure_of("trends", text, COLUMNS, data, alt=alt, span=f"{LEAST_SPAN:.0%}")


def panels(figure: Figure, shown: Sequence[str], text: Catalogue) -> list[Panel]:
    """Return the legend, then one panel per figure for which a drawn row has a number.

    Only as many rows are drawn as there are distinguishable line styles.
    """
    names = tuple(shown[: len(STYLES)])
    found: list[Panel] = []
    for place, (trend, kind) in enumerate(TRENDS):
        lines = {
            name: [
                (number(row[1]), number(row[place + 2]))
                for row in figure.rows
                if row[0] == name and row[place + 2] is not None
            ]
            for name in names
        }
        if any(lines.values()):
            title = text(f"why.figure.{trend.replace('.', '_')}")
            found.append((title, _alt(title, lines, kind, text), draw(lines, kind, f"trend-{place}", text)))
    return [("", text("list.comma").join(names), draw_key(names, "trend-key")), *found] if found else []


def draw_key(names: Sequence[str], name: str) -> str:
    """Return the legend as SVG; it is a panel of the figure so that exported files include it."""
    canvas, axes = new_figure(PANEL, height=_HEIGHT)
    axes.set_position((0.0, 0.0, 1.0, 1.0))
    for place, row in enumerate(names):
        _line(axes, place, [0.03, 0.08, 0.13], [place] * 3, markevery=[1])
        shown = fitted(row, 0.8 * 72.0 * PANEL.width, PANEL.font)
        axes.text(0.16, place, shown, va="center", color=COLOUR.ink, fontsize=PANEL.font, parse_math=False)
    axes.set_xlim(0.0, 1.0)
    axes.set_ylim(_HEIGHT / 0.26 - 0.8, -0.8)
    axes.axis("off")
    return to_svg(canvas, name)


def _line(axes: Axes, place: int, across: Sequence[float], up: Sequence[float], **style: Any) -> None:
    """Draw the line of the row at `place` among the shown rows."""
    colour, marker, dashes = STYLES[place]
    mark = {"marker": marker, "markersize": 5.0, "markeredgecolor": COLOUR.paper, "markeredgewidth": 0.8}
    width, order = (2.4, 4) if place == 0 else (1.5, 3)
    axes.plot(across, up, color=colour, linewidth=width, linestyle=dashes, zorder=order, **mark, **style)


def draw(lines: dict[str, list[tuple[float, float]]], kind: str, name: str, text: Catalogue) -> str:
    """Return one figure by epoch as SVG."""
    from matplotlib.ticker import FuncFormatter

    canvas, axes = new_figure(PANEL, height=_HEIGHT)
    for place, points in reversed(list(enumerate(lines.values()))):
        _line(axes, place, [epoch for epoch, _ in points], [value for _, value in points])
    values = [value for points in lines.values() for _, value in points]
    axes.set_ylim(*widened(min(values), max(values), least=0.01))
    if kind == "share":
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{100.0 * value:g}%"))
    dress_panel(axes, PANEL, text("figure.curves.epoch"), whole=True)
    return to_svg(canvas, name)


def _alt(title: str, lines: dict[str, list[tuple[float, float]]], kind: str, text: Catalogue) -> str:
    parts = [
        text(
            "figure.trends.line",
            row=name,
            start=formats.figure(points[0][1], kind),
            end=formats.figure(points[-1][1], kind),
        )
        for name, points in lines.items()
        if points
    ]
    return text("figure.trends.panel_alt", figure=title, lines=text("list.notes").join(parts))
