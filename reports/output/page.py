"""The files of a report: the page, ``report.json``, the ranking in three formats and the effects in long form."""

from __future__ import annotations

import base64
import csv
import io
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from importlib import resources
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape
from markupsafe import Markup, escape

from harness.files import write_atomically
from harness.results.folder import StudyFolder
from harness.results.frame import read_frame
from reports.drawing.svg import NARROW, WIDE
from reports.locale import Catalogue, formats, load_catalogue
from reports.output.exports import ranking_latex, ranking_markdown
from reports.output.report import build_report
from reports.output.tidy import effects_parquet
from reports.sections.cost import scatter as cost
from reports.sections.evidence.why import headroom, reach, trends
from reports.sections.learning import curves
from reports.sections.modes import levels as modes
from reports.sections.ranking import forest
from reports.sections.report import Figure, Report, Row, Scalar
from reports.sections.search import panels as searches
from reports.sections.search.build import shown_setting
from reports.sections.stacks.drawings import drawings_of_stacks
from reports.sections.who import crossings, groups

FIRST_PANELS = 12
FIRST_GROUPS = 6


def write_report(folder: StudyFolder, lang: str = "en") -> Path:
    """Write the report into the study folder, from its records alone.

    The files: ``report.html``, ``report.json``, ``ranking.csv``, ``ranking.md``, ``ranking.tex``, ``effects.parquet``.

    Returns:
        The path of the page.

    Raises:
        InputError: no such language, no study in the folder, or records that do not belong together.
        EnvironmentProblem: the folder cannot be written, or pyarrow is missing, which leaves out the last file only.
    """
    text = load_catalogue(lang)
    frame = read_frame(folder)
    report = build_report(frame, text)
    page = folder.path / "report.html"
    write_atomically(folder.path / "report.json", report.to_json().encode())
    write_atomically(folder.path / "ranking.csv", ranking_csv(report).encode())
    write_atomically(folder.path / "ranking.md", ranking_markdown(report, text).encode())
    write_atomically(folder.path / "ranking.tex", ranking_latex(report, text).encode())
    write_atomically(page, render_html(report, text).encode())
    write_atomically(folder.path / "effects.parquet", effects_parquet(frame))
    return page


def environment() -> Environment:
    """Where templates are found and what they may call; everything is escaped that is not marked as safe."""
    pages = Environment(
        loader=PackageLoader("reports", "templates"),
        autoescape=select_autoescape(enabled_extensions=("html", "j2"), default=True),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    pages.filters |= {
        "number": formats.number,
        "signed": formats.signed,
        "percent": formats.percent,
        "share": formats.share,
        "chance": formats.chance,
        "p_value": formats.p_value,
        "figure": formats.figure,
        "duration": formats.seconds,
        "metric": formats.metric_label,
        "csv_uri": csv_uri,
        "cell": _cell,
        "breakable": _breakable,
        "setting": shown_setting,
    }
    return pages


def template_source(name: str) -> str:
    """A file of the templates' folder as it is."""
    return (resources.files("reports") / "templates" / name).read_text(encoding="utf-8")


def render_html(report: Report, text: Catalogue) -> str:
    """The page of a report, complete in itself."""
    pages = environment()
    return pages.get_template("report.html.j2").render(
        report=report,
        t=text,
        css=Markup(template_source("report.css")),
        script=Markup(template_source("report.js")),
        drawings=_drawings(report, text),
        first_panels=FIRST_PANELS,
        first_groups=FIRST_GROUPS,
        trend_rows=trends.drawn_rows(report.why.shown),
        sections=_sections(report),
        scale=_bar_scale(report),
        NONE=formats.NONE,
    )


def _sections(report: Report) -> list[str]:
    """Ids of the page's sections, in order; those with nothing to say are left out."""
    maybe = ("predictions", "who", "cost", "priorities", "search", "stacks")
    optional = {name for name in maybe if getattr(report, name) is None}
    every = ("answer", "ranking", "forest", "claims", "why", "predictions", "curves", "modes", "who", "cost")
    every += ("priorities", "search", "stacks", "method")
    return [name for name in every if name not in optional]


def ranking_csv(report: Report) -> str:
    """The ranking as CSV, one line a row, figures in full."""
    plain = (
        "rank name kind verdict verdict_text note equals family priority n_seeds effect relative p p_holm df method "
        "detectable seeds_needed p_best rank_low rank_high user_sd seed_sd error_sd seconds"
    ).split()
    bounds = ["low", "high", "adjusted_low", "adjusted_high"]
    levels = [f"{metric}_{mode}" for metric in report.metrics for mode in ("on", "off")]
    without = [f"without_valid_targets_{part}" for part in ("effect", "low", "high")]

    def values(row: Row) -> Iterable[Scalar]:
        yield from (getattr(row, name) for name in plain)
        yield from row.plain or (None, None)
        yield from row.adjusted or (None, None)
        cells = {cell.metric: cell for cell in row.metrics}
        for metric in report.metrics:
            cell = cells.get(metric)
            yield from (cell.on, cell.off) if cell else (None, None)
        fewer = row.without_valid_targets
        yield from (fewer.effect, fewer.low, fewer.high) if fewer else (None, None, None)

    return to_csv([*plain, *bounds, *levels, *without], (values(row) for row in report.rows))


def csv_uri(figure: Figure) -> str:
    """The table behind a figure as a data URI."""
    content = to_csv(figure.columns, figure.rows)
    return "data:text/csv;charset=utf-8;base64," + base64.b64encode(content.encode()).decode()


def to_csv(columns: Iterable[str], rows: Iterable[Iterable[Scalar]]) -> str:
    """A table as CSV, empty where a value is None."""
    output = io.StringIO()
    writer = csv.writer(output, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(["" if value is None else value for value in row] for row in rows)
    return output.getvalue()


def _breakable(name: str) -> Markup:
    """A name that a narrow column breaks at its dots, pluses and underscores rather than within a word."""
    return Markup(re.sub(r"(?<=[._+\[])(?=\w)", "<wbr>", str(escape(name))))


def _cell(value: Scalar, decimals: int) -> str:
    return formats.number(value, decimals) if isinstance(value, float) or value is None else str(value)


def _drawings(report: Report, text: Catalogue) -> dict[str, object]:
    """Every figure as SVG; both widths of those that carry names, of which the page shows one."""
    drawn: dict[str, object] = {}
    label = report.primary_label
    effects, levels, learning = (report.figures[name] for name in ("forest", "modes", "curves"))
    by_group, crossed, price = (report.figures[name] for name in ("groups", "crossings", "cost"))
    if effects.rows:
        axis = text("figure.forest.axis", metric=label)
        drawn["forest"] = [Markup(forest.draw(effects, axis, layout)) for layout in (WIDE, NARROW)]
    if levels.rows:
        axis = text("figure.modes.axis", metric=label)
        drawn["modes"] = [Markup(modes.draw(levels, axis, layout)) for layout in (WIDE, NARROW)]
    if learning.rows:
        drawn["curves"] = [
            (name, alt, Markup(svg)) for name, alt, svg in curves.panels(learning, text, report.decimals)
        ]
    if by_group.rows:
        drawn["groups"] = [
            (name, alt, Markup(svg)) for name, alt, svg in groups.panels(by_group, text, report.decimals)
        ]
    if crossed.rows:
        axis = text("figure.crossings.axis")
        drawn["crossings"] = [Markup(crossings.draw(crossed, axis, layout)) for layout in (WIDE, NARROW)]
    if price.rows:
        across, up = text("figure.cost.axis_x"), text("figure.cost.axis_y", metric=label)
        drawn["cost"] = [Markup(cost.draw(price, across, up, layout)) for layout in (WIDE, NARROW)]
    stacked = drawings_of_stacks(list(report.figures.values()), label, report.decimals, (WIDE, NARROW), text)
    drawn |= {name: [Markup(svg) for svg in drawings] for name, drawings in stacked.items()}
    if report.search is not None:
        drawn |= {
            name: [(title, alt, Markup(svg)) for title, alt, svg in made]
            for name, made in searches.panels(report.search, label, text).items()
        }
    return drawn | evidence_drawings(report.figures, report.why.shown, text)


def evidence_drawings(figures: Mapping[str, Figure], shown: Sequence[str], text: Catalogue) -> dict[str, object]:
    """The figures of the evidence as SVG, those that have something to draw."""
    drawn: dict[str, object] = {}
    for name, module in (("reach", reach), ("trends", trends)):
        if name in figures and figures[name].rows:
            drawn[name] = [(title, alt, Markup(svg)) for title, alt, svg in module.panels(figures[name], shown, text)]
    bars = figures.get("headroom")
    if bars is not None and bars.rows:
        first = str(bars.rows[0][0])
        drawn["headroom"] = [Markup(headroom.draw(bars, first, layout, text)) for layout in (WIDE, NARROW)]
    return drawn


def _bar_scale(report: Report) -> float | None:
    """Half-width of the small interval bars of the ranking, in units of the metric."""
    ends = sorted(
        max(abs(bound) for bound in (*row.plain, row.effect or 0.0))
        for row in report.rows
        if row.plain is not None and row.kind == "arm"
    )
    # The widest tenth may run off its bar, or one hopeless arm would flatten all others.
    return ends[math.ceil(0.9 * (len(ends) - 1))] * 1.15 or None if ends else None
