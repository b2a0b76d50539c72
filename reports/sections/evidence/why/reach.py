"""Gradient reach: how strongly each term of the loss reaches each group of parameters, a small panel an arm."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from reports.drawing.figure import Figure, Line, Panel, figure_of, finite
from reports.drawing.svg import COLOUR, Layout, ellipsis, new_figure, to_svg
from reports.locale import Catalogue, formats
from reports.sections.evidence.measured import Evidence

COLUMNS = ("arm", "term", "group", "weight", "gradient_norm", "share")
PANEL = Layout(narrow=True, width=4.6, left=0.36, font=11.0)
_PREFIX = "loss.gradient."
_FAINT, _STRONG = 0.10, 0.55


def table(evidence: Evidence, text: Catalogue) -> Figure:
    """The gradient norm of every weighted term at every group at the chosen epoch, mean over runs."""
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
    """One panel per row that is shown, on one scale of colours."""
    every = figure.by_arm()
    by_name = {name: every[name] for name in shown if name in every}
    logs = [
        math.log10(norm) for rows in by_name.values() for row in rows if (norm := _norm(row)) is not None and norm > 0.0
    ]
    # A tenth of the norm is pale; norms that are nearly alike are not set apart by their shade.
    limits = (min(*logs, max(logs) - 1.0), max(logs)) if logs else (0.0, 0.0)
    return [
        (name, _alt(name, rows, text), draw(rows, limits, f"reach-{place}", text))
        for place, (name, rows) in enumerate(by_name.items())
    ]


def draw(rows: Sequence[Line], limits: tuple[float, float], name: str, text: Catalogue) -> str:
    """One arm's terms by groups as SVG: darker is stronger, on a log scale; an exact zero is hatched and says so."""
    from matplotlib.patches import Rectangle

    terms, groups = (list(dict.fromkeys(str(row[place]) for row in rows)) for place in (1, 2))
    norms = {(str(row[1]), str(row[2])): _norm(row) for row in rows}
    canvas, axes = new_figure(PANEL, height=0.4 + 0.42 * len(terms))
    axes.set_position((PANEL.left, 0.01, 0.98 - PANEL.left, 0.98))
    most = 13 if len(groups) > 1 else 24
    for across, group in enumerate(groups):
        style = {"ha": "center", "va": "center", "fontsize": PANEL.font - 0.5, "parse_math": False}
        axes.text(
            across + 0.5, len(terms) + 0.38, ellipsis(named("group", group, text), most), color=COLOUR.soft, **style
        )
        for down, term in enumerate(terms):
            norm = norms.get((term, group))
            none = norm == 0.0
            shade: dict[str, Any] = {"facecolor": "none", "edgecolor": COLOUR.hatch, "hatch": "////"} if none else {}
            if norm:
                shade = {"facecolor": COLOUR.on, "alpha": _depth(norm, limits)}
            if shade:
                axes.add_patch(Rectangle((across + 0.02, down + 0.04), 0.96, 0.92, linewidth=0, **shade))
            label = text("figure.reach.none") if none else formats.figure(norm, "norm")
            plate = {"facecolor": COLOUR.paper, "edgecolor": "none", "pad": 2.0} if none else None
            axes.text(across + 0.5, down + 0.5, label, color=COLOUR.ink, bbox=plate, zorder=3, **style)
    style = {"ha": "right", "va": "center", "fontsize": PANEL.font, "parse_math": False}
    for down, term in enumerate(terms):
        axes.text(-0.06, down + 0.5, named("term", term, text), color=COLOUR.ink, **style)
    axes.set_xlim(0.0, len(groups))
    axes.set_ylim(len(terms) + 0.8, 0.0)
    axes.axis("off")
    return to_svg(canvas, name)


def named(kind: str, name: str, text: Catalogue) -> str:
    """A term or a group in words, or its own name where it is a plug-in's."""
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
