"""The primary metric on valid by epoch, a small panel a row, on one scale."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from harness.results.frame import Frame
from harness.results.manifest import A_A, BASE
from harness.results.record import EpochPoint, RunRecord
from reports import formats
from reports.figures.svg import COLOUR, Layout, new_figure, to_svg
from reports.locale import Catalogue
from reports.model import Figure, Row, Scalar

COLUMNS = ("arm", "epoch", "on", "on_low", "on_high", "off", "off_low", "off_high", "n_seeds", "n_chosen")
PANEL = Layout(narrow=True, width=4.2, left=0.15, font=10.5)


def table(frame: Frame, rows: Sequence[Row], text: Catalogue) -> Figure:
    """Mean and range over seeds at every epoch, base first; epochs where nothing was measured are left out."""
    names = [BASE, *(row.name for row in rows if row.kind == "arm"), A_A]
    metric = frame.manifest.primary
    data: list[tuple[Scalar, ...]] = []
    for name in names:
        if name in frame.records and frame.row(name).status == "run":
            data.extend(_points(name, list(frame.records[name].values()), metric))
    epochs = [int(row[1] or 0) for row in data]
    drawn = list(dict.fromkeys(row[0] for row in data))
    label = formats.metric_label(metric)
    alt = (
        text(
            "figure.curves.alt",
            n_rows=len(drawn),
            metric=label,
            first=min(epochs),
            last=max(epochs),
        )
        if data
        else text("figure.curves.empty")
    )
    return Figure(
        id="curves",
        title=text("figure.curves.title"),
        caption=text("figure.curves.caption", metric=label),
        alt=alt,
        columns=COLUMNS,
        rows=tuple(data),
    )


def panels(figure: Figure, text: Catalogue, decimals: int) -> list[tuple[str, str, str]]:
    """``(row, text alternative, SVG)`` of every row, in the order of the table."""
    by_name: dict[str, list[tuple[Scalar, ...]]] = {}
    for row in figure.rows:
        by_name.setdefault(str(row[0]), []).append(row)
    limits = _limits(figure)
    base = by_name.get(BASE, [])
    return [
        (name, _alt(name, rows, text, decimals), draw(rows, base, limits, f"curve-{place}", text))
        for place, (name, rows) in enumerate(by_name.items())
    ]


def draw(
    rows: list[tuple[Scalar, ...]],
    base: list[tuple[Scalar, ...]],
    limits: tuple[float, float, float, float],
    name: str,
    text: Catalogue,
) -> str:
    """One row's panel as SVG."""
    from matplotlib.ticker import MaxNLocator

    canvas, axes = new_figure(PANEL, height=2.55)
    if base and base[0][0] != rows[0][0]:
        axes.plot(_column(base, "epoch"), _column(base, "on"), color=COLOUR.soft, linewidth=1.1, alpha=0.7, zorder=2)
    epoch = _column(rows, "epoch")
    for mode, colour, dashes in (("off", COLOUR.off, "--"), ("on", COLOUR.on, "-")):
        axes.fill_between(
            epoch, _column(rows, f"{mode}_low"), _column(rows, f"{mode}_high"), color=colour, alpha=0.16, linewidth=0
        )
        axes.plot(epoch, _column(rows, mode), color=colour, linewidth=1.9, linestyle=dashes, zorder=3)
    chosen = [row for row in rows if row[9]]
    # Retrieval-on may not exist at the chosen epoch; the mark then sits on the retrieval-off line.
    heights = [_float(row[2]) if row[2] is not None else _float(row[5]) for row in chosen]
    sizes = [26.0 + 46.0 * _float(row[9]) / max(_float(row[8]), 1.0) for row in chosen]
    axes.scatter(
        [_float(row[1]) for row in chosen],
        heights,
        s=sizes,
        color=COLOUR.on,
        edgecolor=COLOUR.paper,
        linewidth=1.1,
        zorder=4,
    )
    axes.set_xlim(limits[0], limits[1])
    axes.set_ylim(limits[2], limits[3])
    axes.set_xlabel(text("figure.curves.epoch"), color=COLOUR.soft, fontsize=PANEL.font)
    axes.tick_params(colors=COLOUR.soft, labelsize=PANEL.font - 0.5, length=3, color=COLOUR.line)
    axes.locator_params(axis="y", nbins=4)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=6))
    axes.grid(axis="y", color=COLOUR.line, linewidth=0.6)
    axes.set_axisbelow(True)
    for side in ("left", "right", "top"):
        axes.spines[side].set_visible(False)
    axes.spines["bottom"].set_color(COLOUR.line)
    return to_svg(canvas, name)


def _points(name: str, records: list[RunRecord], metric: str) -> list[tuple[Scalar, ...]]:
    points: dict[int, list[EpochPoint]] = {}
    for record in records:
        chosen = record.measured(metric)
        for point in record.curve:
            points.setdefault(point.epoch, []).append(chosen if point.epoch == chosen.epoch else point)
    rows: list[tuple[Scalar, ...]] = []
    for epoch, found in sorted(points.items()):
        on = _spread([point.valid_on[metric] for point in found if metric in point.valid_on])
        off = _spread([point.valid_off[metric] for point in found if metric in point.valid_off])
        if on[0] is not None or off[0] is not None:
            n_chosen = sum(record.chosen_epoch == epoch for record in records)
            rows.append((name, epoch, *on, *off, len(found), n_chosen))
    return rows


def _spread(values: list[float]) -> tuple[float | None, float | None, float | None]:
    finite = [value for value in values if math.isfinite(value)]
    return (float(np.mean(finite)), min(finite), max(finite)) if finite else (None, None, None)


def _limits(figure: Figure) -> tuple[float, float, float, float]:
    epochs = [_float(value) for value in figure.column("epoch")]
    values = [_float(row[place]) for row in figure.rows for place in (3, 4, 6, 7) if row[place] is not None]
    low, high = min(values), max(values)
    margin = 0.06 * (high - low) or 0.05 * abs(high) or 1e-3
    side = 0.04 * max(max(epochs) - min(epochs), 1.0)
    return min(epochs) - side, max(epochs) + side, low - margin, high + margin


def _alt(name: str, rows: list[tuple[Scalar, ...]], text: Catalogue, decimals: int) -> str:
    measured = [row for row in rows if row[2] is not None] or rows
    best = max(measured, key=lambda row: _float(row[2]) if row[2] is not None else -math.inf)
    return text(
        "figure.curves.panel_alt",
        row=name,
        start=formats.number(measured[0][2] if isinstance(measured[0][2], float) else None, decimals),
        end=formats.number(measured[-1][2] if isinstance(measured[-1][2], float) else None, decimals),
        best=formats.number(best[2] if isinstance(best[2], float) else None, decimals),
        best_epoch=best[1],
        chosen=", ".join(str(row[1]) for row in rows if row[9]) or formats.NONE,
    )


def _column(rows: list[tuple[Scalar, ...]], name: str) -> list[float]:
    place = COLUMNS.index(name)
    return [_float(row[place]) for row in rows]


def _float(value: Scalar) -> float:
    return math.nan if value is None else float(value)
