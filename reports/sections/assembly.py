"""The report of a study and its page, assembled from all sections."""

from __future__ import annotations

import logging
import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from importlib import resources
from pathlib import Path
from typing import ParamSpec, TypeVar

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

from harness.results.frame import Frame
from harness.results.manifest import A_A
from reports.checks.catalogue import ask_study
from reports.drawing.figure import Drawn, Scalar
from reports.drawing.files import csv_uri, pdf_uri
from reports.drawing.style import fixed_style
from reports.locale import Catalogue, formats
from reports.sections.base import Part, Section, SectionInput
from reports.sections.evidence.measured import evidence_of
from reports.sections.protocol import protocol_line
from reports.sections.ranking.build import ranking_rows
from reports.sections.registry import in_page_order, with_texts
from reports.sections.report import Report
from reports.stats.analysis import Analysis, analyse

log = logging.getLogger(__name__)

P = ParamSpec("P")
T = TypeVar("T")


def build_report(frame: Frame, text: Catalogue, sections: Sequence[Section] | None = None) -> Report:
    """Build the report of a study, the content of the page and of ``report.json``.

    Args:
        sections: in page order; None for all.
    """
    sections = in_page_order() if sections is None else sections
    given = input_of(frame, with_texts(text, sections))
    asked = {section: attempt(section, section.build, given) for section in sections}
    parts: dict[Section, Part] = {section: part for section, part in asked.items() if part is not None}
    manifest = frame.manifest
    return Report(
        lang=text.lang,
        study=manifest.name,
        question=manifest.question,
        data=str(manifest.data.get("name", "")),
        primary=manifest.primary,
        primary_label=given.metric,
        metrics=frame.metrics,
        n_users=frame.n_users,
        n_targets=frame.n_targets,
        protocol=protocol_line(frame, given.text),
        guard=tuple(given.analysis.guards),
        n_arms=sum(row.kind == "arm" for row in given.rows),
        n_replicates=given.analysis.progress.planned,
        n_finished=given.analysis.progress.finished,
        decimals=given.decimals,
        sesoi=given.analysis.sesoi,
        sesoi_relative=manifest.sesoi,
        findings=tuple(finding for part in parts.values() for finding in part.findings),
        rows=given.rows,
        figures={figure.id: figure for part in parts.values() for figure in part.figures},
        sections=tuple(section.id for section in parts),
        models={each.id: parts[each].model if each in parts else None for each in sections if each.model is not None},
    )


def input_of(frame: Frame, text: Catalogue) -> SectionInput:
    """Return the input of the sections for one study in one language."""
    analysis = analyse(frame)
    decimals = effect_decimals(analysis)
    rows = ranking_rows(analysis, decimals, text)
    evidence = evidence_of(frame.manifest, frame.diagnoses, text.lang, [row.name for row in rows])
    return SectionInput(
        analysis=analysis,
        rows=rows,
        evidence=evidence,
        study_checks=ask_study(analysis, text.lang, evidence.muted),
        decimals=decimals,
        text=text,
    )


def attempt(section: Section, action: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T | None:
    """Run a section's action; where that of a plug-in fails, log a warning and return None to leave the section out."""
    try:
        return action(*args, **kwargs)
    except Exception as problem:
        if type(section).__module__.startswith("reports."):
            raise
        log.warning("report section %s (%s) is left out: %s", section.id, type(section).__module__, problem)
        return None


def effect_decimals(analysis: Analysis) -> int:
    """Return the number of decimals, from 4 to 6, that shows the first digit of the median standard error."""
    errors = sorted(effect.se for name, effect in analysis.effects.items() if effect.se > 0.0 and name != A_A)
    if not errors:
        return 4
    return min(max(math.ceil(-math.log10(errors[len(errors) // 2])), 4), 6)


def render_html(report: Report, text: Catalogue, sections: Sequence[Section] | None = None) -> str:
    """Render the self-contained HTML page of a report.

    Args:
        sections: those that the report was built with; None for all.
    """
    every = in_page_order() if sections is None else sections
    text = with_texts(text, every)
    pages = environment({section.id: section.folder() for section in every})
    asked = [attempt(each, _shown, each, report, text, pages) for each in every if each.id in report.sections]
    shown = sorted((each for each in asked if each is not None), key=lambda each: each.folded)
    return render_page(pages, "report.html.j2", report, text, sections=shown)


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """A rendered section with its heading."""

    id: str
    title: str
    question: str
    folded: bool
    content: Markup


def _shown(section: Section, report: Report, text: Catalogue, pages: Environment) -> Shown:
    return Shown(
        id=section.id,
        title=section.title(text),
        question=section.question(text),
        folded=section.folded,
        content=render_section(section, report, text, pages),
    )


def render_section(section: Section, report: Report, text: Catalogue, pages: Environment) -> Markup:
    """Render one section of the page."""
    template = pages.get_template(f"{section.id}/{section.template}")
    return Markup(
        template.render(
            report=report,
            model=report.models.get(section.id),
            drawings=marked(partial(section.draw, report, text)),
            t=text,
            NONE=formats.NONE,
            link=partial(linked, anchors=anchors_of(report)),
            **section.variables(report),
        )
    )


_NAMED = re.compile(r"\bFTR\d+\b|\b[a-z_]+\.[a-z_0-9]+\b")
"""Codes of checks, and ids of remedies."""


def anchors_of(report: Report) -> dict[str, str]:
    """Return code of a check or id of a remedy -> link to its explanation in the page."""
    runs, study, glossary = (report.models.get(name) for name in ("why", "study_checks", "glossary"))
    lines = [*(runs.checks if runs and "checks" in report.sections else ()), *(study.checks if study else ())]
    codes = [line.code for line in lines]
    ids = [term.id for term in glossary.terms] if glossary else []
    return {code: f"#check-{code}" for code in codes} | {id_: f"#remedy-{id_}" for id_ in ids}


def linked(text: str, *, anchors: Mapping[str, str]) -> Markup:
    """Return a text in which codes of checks and ids of remedies link to their explanation."""

    def link(found: re.Match[str]) -> str:
        name = found.group()
        return f'<a class="term" href="{anchors[name]}">{name}</a>' if name in anchors else name

    return Markup(_NAMED.sub(link, str(escape(text))))


def render_page(pages: Environment, template: str, report: object, text: Catalogue, **variables: object) -> str:
    """Render a whole page with its style and script inlined."""
    style, script = (
        Markup(template_source(f"report.{kind}") + template_source(f"figures.{kind}")) for kind in ("css", "js")
    )
    values = {"report": report, "t": text, "css": style, "script": script, "NONE": formats.NONE}
    return pages.get_template(template).render(values | variables)


def marked(draw: Callable[[], Mapping[str, Drawn]]) -> dict[str, list[object]]:
    """Draw in the fixed style and return the drawings as templates take them, without the empty ones."""
    with fixed_style():
        drawn = draw()
    return {
        name: [Markup(each) if isinstance(each, str) else (each[0], each[1], Markup(each[2])) for each in made]
        for name, made in drawn.items()
        if made
    }


def environment(folders: Mapping[str, Path]) -> Environment:
    """Return the Jinja environment; all values that are not marked as safe are escaped.

    Args:
        folders: prefix of a template's name -> its folder, in addition to the templates that all pages share.
    """
    return _environment(tuple(folders.items()))


@lru_cache(maxsize=8)
def _environment(folders: tuple[tuple[str, Path], ...]) -> Environment:
    """Return one environment per set of folders, because an environment caches its compiled templates."""
    own = PrefixLoader({name: FileSystemLoader(folder) for name, folder in folders})
    pages = Environment(
        loader=ChoiceLoader([PackageLoader("reports", "templates"), own]),
        autoescape=select_autoescape(enabled_extensions=("html", "j2"), default=True),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    pages.globals["link"] = partial(linked, anchors={})
    pages.filters |= {
        "number": formats.number,
        "signed": formats.signed,
        "percent": formats.percent,
        "share": formats.share,
        "chance": formats.chance,
        "p_value": formats.p_value,
        "figure": formats.figure,
        "duration": formats.seconds,
        "megabytes": formats.megabytes,
        "milliseconds": formats.milliseconds,
        "metric": formats.metric_label,
        "csv_uri": csv_uri,
        "pdf_uri": partial(pdf_uri, css=template_source("report.css")),
        "cell": _cell,
        "breakable": _breakable,
        "setting": formats.setting,
    }
    return pages


def template_source(name: str) -> str:
    """Return the unchanged text of a file in the templates folder."""
    return (resources.files("reports") / "templates" / name).read_text(encoding="utf-8")


def _breakable(name: str) -> Markup:
    """Return a name that a narrow column can break at dots, pluses, underscores and brackets, not within a word."""
    return Markup(re.sub(r"(?<=[._+\[])(?=\w)", "<wbr>", str(escape(name))))


def _cell(value: Scalar, decimals: int) -> str:
    return formats.number(value, decimals) if isinstance(value, float) or value is None else str(value)
