"""Drawings of stacks: rows with their intervals, and a triangle of pairs."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from reports.drawing.figure import Figure, Line, Scalar, number, wide_and_narrow
from reports.drawing.letters import fitted, shrunk
from reports.drawing.svg import COLOUR, Layout, dress_rows, mark, new_figure, stacked, to_svg, write_name
from reports.locale import Catalogue, formats
from reports.sections.report import Report

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_FAINT, _STRONG = 0.08, 0.55
_NAMED_PITCH = 0.68
"""Height in inches of a row of squares, with its name above, in the narrow layout."""


def drawn(report: Report, text: Catalogue) -> dict[str, list[str]]:
    """Draw the figures of stacks that the report has."""
    drawers = {
        "stack_effects": partial(draw_effects, text=text),
        "stack_shapley": draw_shapley,
        "stack_path": partial(draw_path, text=text),
    }
    found: dict[str, list[str]] = {}
    for name, draw in drawers.items():
        if name in report.figures:
            axis = text(f"figure.{name}.axis", metric=report.primary_label)
            found[name] = wide_and_narrow(report.figures[name], partial(draw, report.figures[name], axis))
    if "stack_pairs" in report.figures:
        pairs = report.figures["stack_pairs"]
        found["stack_pairs"] = wide_and_narrow(pairs, partial(draw_pairs, pairs, report.decimals))
    return found


def draw_effects(figure: Figure, axis: str, layout: Layout, text: Catalogue) -> str:
    """Draw main effects, then interactions, each with both of its intervals."""
    blocks = [
        (text(f"figure.stack_effects.{kind}"), [row for row in figure.rows if row[1] == kind and row[3] is not None])
        for kind in ("main", "interaction")
    ]
    lines = [
        (str(row[0]), row[3:8], _colour(str(row[2])), row[2] in ("raises", "lowers")) for _, r in blocks for row in r
    ]
    heads = {0: blocks[0][0], len(blocks[0][1]): blocks[1][0]} if blocks[1][1] else {0: blocks[0][0]}
    return _intervals(lines, heads, axis, layout, "stack-effects")


def draw_shapley(figure: Figure, axis: str, layout: Layout) -> str:
    """Draw every factor's Shapley value with its interval."""
    lines = [(str(row[0]), (*row[1:4], None, None), COLOUR.on, True) for row in figure.rows]
    return _intervals(lines, {}, axis, layout, "stack-shapley")


def draw_path(figure: Figure, axis: str, layout: Layout, text: Catalogue) -> str:
    """Draw the validation gains of every round with their standard errors, chosen ones filled, the threshold dashed."""
    lines: list[tuple[str, tuple[Scalar, ...], str, bool]] = []
    heads: dict[int, str] = {}
    for row in figure.rows:
        place, kind, stack = row[0], str(row[1]), str(row[2])
        title = text(f"stacks.greedy.round.{kind}", n=place, stack=stack or text("stacks.greedy.nothing_yet"))
        if title not in heads.values():
            heads[len(lines)] = title
        gain, se = number(row[6]), number(row[7])
        spread = 0.0 if math.isnan(se) else se
        name = f"{formats.MINUS} {row[3]}" if kind == "backward" else f"+ {row[3]}"
        if math.isnan(gain):
            lines.append((f"{name} ({text(f'stacks.greedy.state.{row[4]}')})", (None,) * 5, COLOUR.soft, False))
        else:
            values = (gain, gain - spread, gain + spread, None, None)
            lines.append((name, values, COLOUR.good if row[8] else COLOUR.neutral, bool(row[8])))
    return _intervals(lines, heads, axis, layout, "stack-path", threshold=figure.marks.get("threshold"))


def _intervals(
    lines: Sequence[tuple[str, Sequence[Scalar], str, bool]],
    heads: dict[int, str],
    axis: str,
    layout: Layout,
    name: str,
    threshold: float | None = None,
) -> str:
    """Draw rows under headings; a line: ``(name, (value, low, high, adjusted_low, adjusted_high), colour, filled)``."""
    heights, headings = stacked(len(lines), heads, gap=0.4, head=1.25 if layout.narrow else 1.0)
    pitch = 0.46 if layout.narrow else 0.34
    bottom = heights[-1] if heights else 0.0
    canvas, axes = new_figure(layout, height=1.0 + pitch * (bottom + 1.0))
    limits = _limits([value for _, values, _, _ in lines for value in values], threshold)
    axes.set_xlim(limits)
    style = {"fontsize": layout.font, "parse_math": False, "va": "center"}
    for height, head in headings:
        place = {"x": 0.0, "ha": "left"} if layout.narrow else {"x": -layout.left / (0.98 - layout.left), "ha": "left"}
        shown = fitted(head, 72.0 * layout.width * 0.95, layout.font)
        axes.text(y=height, s=shown, color=COLOUR.soft, transform=axes.get_yaxis_transform(), **place, **style)
    for height, (label, values, colour, filled) in zip(heights, lines, strict=True):
        ink = COLOUR.ink if values[0] is not None else COLOUR.soft
        write_name(axes, layout, height, label, limits[0], colour=ink)
        if values[0] is not None:
            _line(axes, height, [number(value) for value in values], colour, filled)
    axes.axvline(0.0, color=COLOUR.ink, linewidth=1.0, zorder=2)
    if threshold is not None:
        axes.axvline(threshold, color=COLOUR.soft, linewidth=1.1, linestyle=(0, (4, 3)), zorder=2)
    dress_rows(axes, layout, n_rows=1, label=axis)
    axes.set_ylim(bottom + 0.6, (headings[0][0] if headings else 0.0) - 0.9)
    return to_svg(canvas, f"{name}-{layout.name}")


def _line(axes: Axes, height: float, values: list[float], colour: str, filled: bool) -> None:
    effect, low, high, adjusted_low, adjusted_high = values
    for left, right, width in ((adjusted_low, adjusted_high, 1.1), (low, high, 3.4)):
        if not math.isnan(left):
            axes.plot([left, right], [height, height], color=colour, linewidth=width, solid_capstyle="butt", zorder=3)
    mark(axes, effect, height, colour, filled=filled)


def draw_pairs(figure: Figure, decimals: int, layout: Layout) -> str:
    """Draw a triangle with one square per pair: the value, its sign as colour and its size as depth; hatched for none.

    In the narrow layout the factors are numbered: columns are headed by the numbers, rows by the numbered names.
    """
    from matplotlib.patches import Rectangle

    names = list(dict.fromkeys([*(str(row[0]) for row in figure.rows), *(str(row[1]) for row in figure.rows)]))
    most = max((abs(number(row[2])) for row in figure.rows if row[2] is not None), default=0.0) or 1.0
    across, down = names[:-1], names[1:]
    narrow = layout.narrow
    left = 0.02 if narrow else layout.left
    n_columns = len(across) if narrow else max(len(across), 5)
    cell = 72.0 * layout.width * (0.98 - left) / n_columns
    pitch, top = (_NAMED_PITCH, 1.0) if narrow else (0.5, 0.8)
    height = pitch * (len(down) + top)
    canvas, axes = new_figure(layout, height=height)
    axes.set_position((left, 0.0, 0.98 - left, 1.0))
    style: dict[str, Any] = {"va": "center", "fontsize": layout.font, "parse_math": False}
    numbered = {name: f"{place}  {name}" for place, name in enumerate(names, start=1)}
    room = 72.0 * layout.width * 0.96
    if narrow:
        axes.text(0.0, 0.2 - top, fitted(numbered[names[0]], room, layout.font), ha="left", color=COLOUR.ink, **style)
    for x, name in enumerate(across):
        head = str(x + 1) if narrow else fitted(name, cell - 6.0, layout.font)
        axes.text(x + 0.5, -0.27, head, ha="center", color=COLOUR.soft, **style)
    for y, name in enumerate(down):
        if narrow:
            axes.text(0.0, y + 0.2, fitted(numbered[name], room, layout.font), ha="left", color=COLOUR.ink, **style)
        else:
            beside = fitted(name, 72.0 * layout.width * left - 10.0, layout.font)
            axes.text(-0.08, y + 0.5, beside, ha="right", color=COLOUR.ink, **style)
    shown = {row: formats.signed(number(row[2]), decimals) + ("*" if _is_sure(row) else "") for row in figure.rows}
    # Bold letters are about a tenth wider.
    style["fontsize"] = min(shrunk(label, (cell - 6.0) / 1.12, layout.font) for label in shown.values())
    start = 0.42 if narrow else 0.04
    for row, label in shown.items():
        x, y, value = across.index(str(row[0])), down.index(str(row[1])), number(row[2])
        shade: dict[str, Any] = {"facecolor": "none", "edgecolor": COLOUR.hatch, "hatch": "////", "linewidth": 0}
        if not math.isnan(value):
            depth = _FAINT + (_STRONG - _FAINT) * abs(value) / most
            shade = {"facecolor": COLOUR.good if value > 0.0 else COLOUR.bad, "alpha": depth, "linewidth": 0}
        axes.add_patch(Rectangle((x + 0.02, y + start), 0.96, 0.96 - start, **shade))
        plate = {"facecolor": COLOUR.paper, "edgecolor": "none", "pad": 2.0} if math.isnan(value) else None
        weight: dict[str, Any] = {"fontweight": "bold"} if _is_sure(row) else {}
        middle = y + (start + 0.96) / 2.0
        axes.text(x + 0.5, middle, label, ha="center", color=COLOUR.ink, bbox=plate, zorder=3, **style, **weight)
    axes.set_xlim(0.0, n_columns)
    axes.set_ylim(len(down), -top)
    axes.axis("off")
    return to_svg(canvas, f"stack-pairs-{layout.name}")


def _is_sure(row: Line) -> bool:
    return row[4] in ("raises", "lowers")


def _limits(values: Sequence[Scalar], threshold: float | None) -> tuple[float, float]:
    known = [0.0, *(number(value) for value in (*values, threshold) if value is not None)]
    margin = 0.04 * (max(known) - min(known)) or 1e-3
    return min(known) - margin, max(known) + margin


def _colour(state: str) -> str:
    return {"raises": COLOUR.good, "lowers": COLOUR.bad}.get(state, COLOUR.neutral)
