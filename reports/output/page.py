"""The files of a report: the page, ``report.json``, the ranking in three formats and the effects in long form."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from importlib import resources
from pathlib import Path

from jinja2 import (
    ChoiceLoader,
    Environment,
    FileSystemLoader,
    PackageLoader,
    PrefixLoader,
    StrictUndefined,
    select_autoescape,
)
from markupsafe import Markup, escape

from harness.files import write_atomically
from harness.results.folder import StudyFolder
from harness.results.frame import read_frame
from reports.drawing.figure import Drawn, Scalar, csv_uri
from reports.locale import Catalogue, formats, load_catalogue
from reports.output.exports import ranking_csv, ranking_latex, ranking_markdown
from reports.output.report import attempt, build_report
from reports.output.tidy import effects_parquet
from reports.sections.base import Section
from reports.sections.registry import in_page_order, with_texts
from reports.sections.report import Report


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


def render_html(report: Report, text: Catalogue, sections: Sequence[Section] | None = None) -> str:
    """The page of a report, complete in itself.

    Args:
        sections: those that the report was built with; all that there are, where None.
    """
    every = in_page_order() if sections is None else sections
    text = with_texts(text, every)
    pages = environment({section.id: section.folder() for section in every})
    shown: list[tuple[str, str, Markup]] = []
    for section in every:
        if section.id in report.sections:
            content = attempt(section, render_section, section, report, text, pages)
            if content is not None:
                shown.append((section.id, section.title(text), content))
    return render_page(pages, "report.html.j2", report, text, sections=shown)


def render_section(section: Section, report: Report, text: Catalogue, pages: Environment) -> Markup:
    """One section of the page."""
    template = pages.get_template(f"{section.id}/{section.template}")
    return Markup(
        template.render(
            report=report,
            model=report.models.get(section.id),
            drawings=marked(section.draw(report, text)),
            t=text,
            NONE=formats.NONE,
            **section.variables(report),
        )
    )


def render_page(pages: Environment, template: str, report: object, text: Catalogue, **variables: object) -> str:
    """A whole page, with its style and its script in it."""
    style, script = (Markup(template_source(f"report.{kind}")) for kind in ("css", "js"))
    values = {"report": report, "t": text, "css": style, "script": script, "NONE": formats.NONE}
    return pages.get_template(template).render(values | variables)


def marked(drawn: Mapping[str, Drawn]) -> dict[str, list[object]]:
    """Drawings as templates take them, without those that drew nothing."""
    return {
        name: [Markup(each) if isinstance(each, str) else (each[0], each[1], Markup(each[2])) for each in made]
        for name, made in drawn.items()
        if made
    }


def environment(folders: Mapping[str, Path]) -> Environment:
    """Where templates are found and what they may call; everything is escaped that is not marked as safe.

    Args:
        folders: prefix of a template's name -> the folder that it is in, beside those that all pages share.
    """
    own = PrefixLoader({name: FileSystemLoader(folder) for name, folder in folders.items()})
    pages = Environment(
        loader=ChoiceLoader([PackageLoader("reports", "templates"), own]),
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
        "setting": formats.setting,
    }
    return pages


def template_source(name: str) -> str:
    """A file of the templates' folder as it is."""
    return (resources.files("reports") / "templates" / name).read_text(encoding="utf-8")


def _breakable(name: str) -> Markup:
    """A name that a narrow column breaks at its dots, pluses and underscores rather than within a word."""
    return Markup(re.sub(r"(?<=[._+\[])(?=\w)", "<wbr>", str(escape(name))))


def _cell(value: Scalar, decimals: int) -> str:
    return formats.number(value, decimals) if isinstance(value, float) or value is None else str(value)
