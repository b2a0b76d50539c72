"""Gradient reach: the gradient of each loss term at each group of parameters, one small panel per arm."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Literal

from reports.drawing.figure import Figure, Line, Panel, figure_of, finite
from reports.drawing.letters import fitted, in_lines, shrunk, width
from reports.drawing.svg import COLOUR, Layout, new_figure, to_svg
from reports.locale import Catalogue, formats
from reports.sections.evidence.measured import Evidence

COLUMNS = ("arm", "term", "group", "weight", "gradient_norm", "share")
PANEL = Layout(narrow=True, width=4.6, left=0.36, font=11.0)
_PREFIX = "loss.gradient."
_FAINT, _STRONG = 0.10, 0.55

Kind = Literal["term", "group"]


def table(evidence: Evidence, text: Catalogue) -> Figure:
    """Return the gradient norm of every weighted loss term at every group at the chosen epoch, mean over runs."""
    data: list[Line] = []
    for name in evidence.names:
        figures = evidence.figures(name)
        for figure, value in figures.items():
            if not figure.startswith(_PREFIX):
                continue
            term, _, group = figure.removeprefix(_PREFIX).partition(".")
            weight, share = (
                finite(figures.get(f"loss.{kind}")) for kind in (f"weight.{term}", f"share.{term}.{group}")
            )
            data.append((name, term, group, weight, finite(value), share))
    alt = text("figure.reach.alt", n_rows=len({row[0] for row in data})) if data else text("figure.reach.empty")
    return figure_of("reach", text, COLUMNS, data, alt=alt)


def panels(figure: Figure, shown: Sequence[str], text: Catalogue) -> list[Panel]:
    """Return one panel per shown row, all on one colour scale and with the same kind of columns."""
    every = figure.by_arm()
    by_name = {name: every[name] for name in shown if name in every}
    logs = [
        math.log10(norm) for rows in by_name.values() for row in rows if (norm := _norm(row)) is not None and norm > 0.0
    ]
    # The scale spans at least a factor of ten, so that nearly equal norms have nearly the same shade.
    limits = (min(*logs, max(logs) - 1.0), max(logs)) if logs else (0.0, 0.0)
    across = _across([row for rows in by_name.values() for row in rows])
    return [
        (name, _alt(name, rows, text), draw(rows, limits, f"reach-{place}", text, across))
        for place, (name, rows) in enumerate(by_name.items())
    ]


def draw(
    rows: Sequence[Line], limits: tuple[float, float], name: str, text: Catalogue, across: Kind | None = None
) -> str:
    """Return one arm's terms by groups as SVG: darker is stronger, on a log scale; an exact zero is hatched.

    Args:
        across: kind of the columns; None for the kind with fewer members.
    """
    from matplotlib.patches import Rectangle

    across = across or _across(rows)
    down: Kind = "term" if across == "group" else "group"
    place = {"term": 1, "group": 2}
    norms = {(str(row[place[across]]), str(row[place[down]])): _norm(row) for row in rows}
    columns, lines = (list(dict.fromkeys(str(row[place[kind]]) for row in rows)) for kind in (across, down))
    whole = 72.0 * PANEL.width
    size = PANEL.font - 0.5
    labels = [fitted(named(down, line, text), 0.46 * whole, PANEL.font) for line in lines]
    left = (max(PANEL.font * width(label) for label in labels) + 8.0) / whole
    room = (0.99 - left) * whole / len(columns) - 4.0
    heads = [in_lines(named(across, column, text), room, size) for column in columns]
    height = 0.42 * len(lines) + 0.19 * max(head.count("\n") + 1 for head in heads) + 0.12
    canvas, axes = new_figure(PANEL, height=height)
    axes.set_position((left, 0.01, 0.99 - left, 0.98))
    style: dict[str, Any] = {"ha": "center", "va": "center", "parse_math": False}
    values = {
        at: text("figure.reach.none") if norm == 0.0 else formats.figure(norm, "norm") for at, norm in norms.items()
    }
    least = min(shrunk(value, room, size) for value in values.values())
    foot = height / 0.42 / 0.98
    for x, column in enumerate(columns):
        for line, shown in enumerate(heads[x].split("\n")):
            up = len(lines) + 0.3 + 0.43 * line
            axes.text(x + 0.5, up, shown, color=COLOUR.soft, fontsize=shrunk(shown, room, size), **style)
        for y, line in enumerate(lines):
            norm = norms.get((column, line))
            shade: dict[str, Any] = {}
            if norm == 0.0:
                shade = {"facecolor": "none", "edgecolor": COLOUR.hatch, "hatch": "////"}
            if norm:
                shade = {"facecolor": COLOUR.on, "alpha": _depth(norm, limits)}
            if shade:
                axes.add_patch(Rectangle((x + 0.02, y + 0.04), 0.96, 0.92, linewidth=0, **shade))
            plate = {"facecolor": COLOUR.paper, "edgecolor": "none", "pad": 2.0} if norm == 0.0 else None
            label = values.get((column, line), formats.NONE)
            axes.text(x + 0.5, y + 0.5, label, color=COLOUR.ink, bbox=plate, zorder=3, fontsize=least, **style)
    beside: dict[str, Any] = {"ha": "right", "va": "center", "fontsize": PANEL.font, "parse_math": False}
    for y, label in enumerate(labels):
        axes.text(-6.0 / (room + 4.0), y + 0.5, label, color=COLOUR.ink, **beside)
    axes.set_xlim(0.0, len(columns))
    axes.set_ylim(foot, 0.0)
    axes.axis("off")
    return to_svg(canvas, name)


def _across(rows: Sequence[Line]) -> Kind:
    """Return the kind of the columns: terms or groups, whichever are fewer, because names need width."""
    terms, groups = (len({row[place] for row in rows}) for place in (1, 2))
    return "term" if terms < groups else "group"


def named(kind: str, name: str, text: Catalogue) -> str:
    """Return a term or a group in words; one of a plug-in keeps its own name."""
    key = f"why.{kind}.{name.replace('.', '_')}"
    return text(key) if text.has(key) else name


def _depth(norm: float, limits: tuple[float, float]) -> float:
    low, high = limits
    place = (math.log10(norm) - low) / (high - low) if high > low else 1.0
    return _FAINT + (_STRONG - _FAINT) * place


def _norm(row: Line) -> float | None:
    return None if row[4] is None else float(row[4])


def _alt(name: str, rows: Sequence[Line], text: Catalogue) -> str:
    cells = [
        text(
            "figure.reach.cell",
            term=named("term", str(row[1]), text),
            group=named("group", str(row[2]), text),
            norm=text("figure.reach.none") if _norm(row) == 0.0 else formats.figure(_norm(row), "norm"),
        )
        for row in rows
    ]
    return text("figure.reach.panel_alt", row=name, cells=text("list.notes").join(cells))
