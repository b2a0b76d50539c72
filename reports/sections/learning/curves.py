"""The primary metric on the validation set by epoch, one small panel per row, all on one scale."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from harness.results.manifest import A_A, BASE
from harness.results.record import EpochPoint, RunRecord
from reports.drawing.figure import Figure, Line, Panel, Scalar, figure_of, number
from reports.drawing.svg import COLOUR, LEAST_SPAN, Layout, dress_panel, new_figure, to_svg, widened
from reports.locale import Catalogue, formats
from reports.sections.base import SectionInput

COLUMNS = ("arm", "epoch", "on", "on_low", "on_high", "off", "off_low", "off_high", "n_seeds", "n_chosen", "base_on")
PANEL = Layout(narrow=True, width=4.2, left=0.15, font=10.5)


def table(given: SectionInput) -> Figure:
    """Return mean and range over seeds at every epoch, base first; epochs without a measurement are left out.

    Each line also has base's mean (``base_on``) over the seeds that both have.
    """
    frame, text = given.frame, given.text
    names = [BASE, *(row.name for row in given.rows if row.kind == "arm"), A_A]
    data: list[Line] = []
    for name in names:
        if name in frame.records and frame.row(name).status == "run":
            base = [frame.records[BASE][number] for number in frame.paired(name)]
            data.extend(_points(name, list(frame.records[name].values()), base, given.analysis.primary))
    alt = text("figure.curves.empty")
    if data:
        epochs = [int(row[1] or 0) for row in data]
        ends = {"first": min(epochs), "last": max(epochs)}
        alt = text("figure.curves.alt", n_rows=len({row[0] for row in data}), metric=given.metric, **ends)
    return figure_of("curves", text, COLUMNS, data, alt=alt, metric=given.metric, span=f"{LEAST_SPAN:.0%}")


def panels(figure: Figure, text: Catalogue, decimals: int) -> list[Panel]:
    """Return one panel per row, in the order of the table."""
    by_name = figure.by_arm()
    if not by_name:
        return []
    limits = _limits(figure)
    return [
        (name, _alt(name, rows, text, decimals), draw(rows, limits, f"curve-{place}", text))
        for place, (name, rows) in enumerate(by_name.items())
    ]


def draw(rows: Sequence[Line], limits: tuple[float, float, float, float], name: str, text: Catalogue) -> str:
    """Return one row's panel as SVG; epochs that only some of its seeds have reached are pale."""
    canvas, axes = new_figure(PANEL, height=2.55)
    if rows[0][0] != BASE:
        own = _column(rows, "epoch"), _column(rows, "base_on")
        axes.plot(*own, color=COLOUR.soft, linewidth=1.1, alpha=0.7, zorder=2)
    most = max(_column(rows, "n_seeds"))
    every = [row for row in rows if number(row[8]) == most]
    for mode, colour, dashes in (("off", COLOUR.off, "--"), ("on", COLOUR.on, "-")):
        ends = _column(rows, f"{mode}_low"), _column(rows, f"{mode}_high")
        axes.fill_between(_column(rows, "epoch"), *ends, color=colour, alpha=0.16, linewidth=0)
        for part, alpha in ((rows, 0.4), (every, 1.0)):
            line = _column(part, "epoch"), _column(part, mode)
            axes.plot(*line, color=colour, linewidth=1.9, linestyle=dashes, alpha=alpha, zorder=3)
    chosen = [row for row in rows if row[9]]
    # Without a retrieval-on value at the chosen epoch the mark is on the retrieval-off line.
    heights = [number(row[2] if row[2] is not None else row[5]) for row in chosen]
    sizes = [26.0 + 46.0 * number(row[9]) / max(number(row[8]), 1.0) for row in chosen]
    epochs = [number(row[1]) for row in chosen]
    axes.scatter(epochs, heights, s=sizes, color=COLOUR.on, edgecolor=COLOUR.paper, linewidth=1.1, zorder=4)
    axes.set_xlim(limits[0], limits[1])
    axes.set_ylim(limits[2], limits[3])
    dress_panel(axes, PANEL, text("figure.curves.epoch"), whole=True)
    return to_svg(canvas, name)


def _by_epoch(records: Sequence[RunRecord], metric: str) -> dict[int, list[EpochPoint]]:
    points: dict[int, list[EpochPoint]] = {}
    for record in records:
        chosen = record.measured(metric)
        for point in record.curve:
            points.setdefault(point.epoch, []).append(chosen if point.epoch == chosen.epoch else point)
    return points


def _points(name: str, records: Sequence[RunRecord], base: Sequence[RunRecord], metric: str) -> list[Line]:
    beside = _by_epoch(base, metric)
    rows: list[Line] = []
    for epoch, found in sorted(_by_epoch(records, metric).items()):
        on = _spread([point.valid_on[metric] for point in found if metric in point.valid_on])
        off = _spread([point.valid_off[metric] for point in found if metric in point.valid_off])
        if on[0] is not None or off[0] is not None:
            n_chosen = sum(record.chosen_epoch == epoch for record in records)
            on_base = [point.valid_on[metric] for point in beside.get(epoch, ()) if metric in point.valid_on]
            rows.append((name, epoch, *on, *off, len(found), n_chosen, _spread(on_base)[0]))
    return rows


def _spread(values: list[float]) -> tuple[float | None, float | None, float | None]:
    finite = [value for value in values if math.isfinite(value)]
    return (float(np.mean(finite)), min(finite), max(finite)) if finite else (None, None, None)


def _limits(figure: Figure) -> tuple[float, float, float, float]:
    epochs = [number(value) for value in figure.column("epoch")]
    values = [number(row[place]) for row in figure.rows for place in (3, 4, 6, 7) if row[place] is not None]
    side = 0.04 * max(max(epochs) - min(epochs), 1.0)
    return min(epochs) - side, max(epochs) + side, *widened(min(values), max(values))


def _alt(name: str, rows: Sequence[Line], text: Catalogue, decimals: int) -> str:
    def shown(value: Scalar) -> str:
        return formats.number(value if isinstance(value, float) else None, decimals)

    measured = [row for row in rows if row[2] is not None] or rows
    best = max(measured, key=lambda row: number(row[2]) if row[2] is not None else -math.inf)
    return text(
        "figure.curves.panel_alt",
        row=name,
        start=shown(measured[0][2]),
        end=shown(measured[-1][2]),
        best=shown(best[2]),
        best_epoch=best[1],
        chosen=", ".join(str(row[1]) for row in rows if row[9]) or formats.NONE,
    )


def _column(rows: Sequence[Line], name: str) -> list[float]:
    place = COLUMNS.index(name)
    return [number(row[place]) for row in rows]
