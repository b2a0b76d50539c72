"""The figures of a study as matplotlib figures, for papers and notebooks.

They are built without pyplot, so pyplot's list of figures and the backend do not change. By default, they are built,
drawn and saved in matplotlib's default style and ignore a ``matplotlibrc``; global settings are restored afterwards.
"""

from __future__ import annotations

import io
import math
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import matplotlib.style
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from harness.errors import InputError
from harness.results.manifest import BASE
from reports.drawing.figure import Figure as Data
from reports.drawing.figure import Line, number
from reports.locale import formats

Style = str | None
"""The name of a matplotlib style; None: the user's own settings."""

PLAIN = "default"

GOOD, BAD, NEUTRAL, ON, OFF, SOFT, BAND = "#1a7f4b", "#b3261e", "#4a5568", "#2457a6", "#8a6d1f", "#718096", "#edf0f5"
COLOURS = {"better": GOOD, "worse": BAD}
OPEN = ("inconclusive", "set_aside", "one_seed", "two_seeds", "partial", "no_effect")
"""Verdicts drawn as a hollow marker."""

PANELS_A_LINE = 4
WIDTH = 8.0
"""Width of a figure in inches."""


class StudyFigure(Figure):
    """A matplotlib figure that is always drawn and saved in one style; a notebook displays it as PNG.

    Args:
        style: the style's name; None: the settings at the time of drawing.
        settings: arguments of :class:`matplotlib.figure.Figure`.
    """

    def __init__(self, *args: Any, style: Style = PLAIN, **settings: Any) -> None:
        self._style = style
        with styled(style):
            super().__init__(*args, **settings)

    def draw(self, renderer: Any) -> None:
        with styled(self._style):
            super().draw(renderer)

    def savefig(self, fname: Any, **settings: Any) -> None:
        with styled(self._style):
            super().savefig(fname, **settings)

    def _repr_png_(self) -> bytes:
        image = io.BytesIO()
        self.savefig(image, format="png", dpi=110)
        return image.getvalue()


def styled(style: Style) -> AbstractContextManager[Any]:
    """A context manager that applies the style and restores all settings at its end.

    Raises:
        InputError: matplotlib has no such style.
    """
    if style is None:
        return nullcontext()
    if style != PLAIN and style not in matplotlib.style.available:
        known = ", ".join(matplotlib.style.available)
        raise InputError(
            f"style {style!r} is unknown to matplotlib; give None for your own settings, or one of {known}"
        )
    return matplotlib.style.context([PLAIN] if style == PLAIN else [PLAIN, style])


def forest(data: Data, metric: str, *, style: Style = PLAIN) -> StudyFigure:
    """The forest plot of all arms: thick lines are 95% intervals per arm, thin lines are simultaneous over all arms.

    Args:
        data: the table of the report's forest plot.
        metric: the metric's name on the axis.
        style: see the module docstring.
    """
    rows = data.rows
    canvas = StudyFigure(figsize=(WIDTH, 1.5 + 0.34 * len(rows)), layout="constrained", style=style)
    with styled(style):
        axes = canvas.add_subplot()
        if "sesoi" in data.marks:
            axes.axvspan(-data.marks["sesoi"], data.marks["sesoi"], color=BAND, linewidth=0, zorder=0)
        axes.axvline(0.0, color="black", linewidth=0.9, zorder=1)
        for place, row in enumerate(rows):
            _arm(axes, place, dict(zip(data.columns, row, strict=True)))
        axes.set_yticks(range(len(rows)), [str(row[0]) for row in rows], parse_math=False)
        axes.set_ylim(max(len(rows), 1) - 0.4, -0.6)
        label = f"effect on {metric} (difference from base, test set)"
        axes.set_xlabel(f"{label}\nthick: 95% interval of the arm alone; thin: simultaneous over all arms; dots: seeds")
        _open(axes)
    return canvas


def _arm(axes: Axes, place: int, row: dict[str, Any]) -> None:
    verdict = str(row["verdict"])
    colour = COLOURS.get(verdict, NEUTRAL)
    bounds = [number(row[name]) for name in ("adjusted_low", "adjusted_high", "low", "high")]
    if not math.isnan(bounds[0]):
        axes.plot(bounds[:2], [place, place], color=colour, linewidth=1.0, zorder=3)
    axes.plot(bounds[2:], [place, place], color=colour, linewidth=3.0, zorder=3, solid_capstyle="butt")
    seeds = [number(value) for name, value in row.items() if name.startswith("seed_")]
    axes.plot(seeds, [place + 0.24] * len(seeds), "o", color=SOFT, markersize=2.6, markeredgewidth=0, zorder=4)
    face = "white" if verdict in OPEN else colour
    axes.plot([number(row["effect"])], [place], "o", color=colour, markerfacecolor=face, markersize=6, zorder=5)


def curves(data: Data, metric: str, *, style: Style = PLAIN) -> StudyFigure:
    """The metric on the validation set by epoch, one panel per row: mean and range over seeds, retrieval on and off.

    Args:
        data: the table of the report's learning curves.
        metric: the metric's name on the axis.
        style: see the module docstring.
    """
    by_row = data.by_arm()
    across = max(min(PANELS_A_LINE, len(by_row)), 1)
    down = max(math.ceil(len(by_row) / across), 1)
    canvas = StudyFigure(figsize=(WIDTH, 1.0 + 1.9 * down), layout="constrained", style=style)
    with styled(style):
        grid = canvas.subplots(down, across, sharex=True, sharey=True, squeeze=False)
        panels: list[Axes] = list(grid.flat)
        for axes, (name, rows) in zip(panels, by_row.items(), strict=False):
            _curve(axes, data.columns, rows, by_row.get(BASE, ()))
            axes.set_title(name, fontsize="small", parse_math=False)
        for place, axes in enumerate(panels[len(by_row) :], start=len(by_row)):
            axes.set_visible(False)
            panels[place - across].tick_params(labelbottom=True)
        for axes in panels:
            axes.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=6))
            _open(axes)
        canvas.supxlabel("epoch", fontsize="medium")
        canvas.supylabel(f"{metric}, validation set", fontsize="medium")
        if by_row:
            lines, names = panels[min(1, len(by_row) - 1)].get_legend_handles_labels()
            canvas.legend(lines, names, loc="outside upper center", ncols=3, fontsize="small", frameon=False)
    return canvas


def _curve(axes: Axes, columns: Sequence[str], rows: Sequence[Line], base: Sequence[Line]) -> None:
    def column(lines: Sequence[Line], name: str) -> list[float]:
        place = columns.index(name)
        return [number(line[place]) for line in lines]

    epochs = column(rows, "epoch")
    if base and base[0][0] != rows[0][0]:
        axes.plot(column(base, "epoch"), column(base, "on"), color=SOFT, linewidth=1.0, label="base, retrieval on")
    for mode, colour, line in (("off", OFF, "--"), ("on", ON, "-")):
        axes.fill_between(
            epochs, column(rows, f"{mode}_low"), column(rows, f"{mode}_high"), color=colour, alpha=0.16, linewidth=0
        )
        axes.plot(epochs, column(rows, mode), line, color=colour, linewidth=1.6, label=f"retrieval {mode}")


def _open(axes: Axes) -> None:
    for side in ("right", "top"):
        axes.spines[side].set_visible(False)


def label_of(metric: str) -> str:
    """The metric's name as papers write it, such as ``NDCG@10``."""
    return formats.metric_label(metric)
