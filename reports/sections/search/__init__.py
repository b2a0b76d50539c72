"""The search of a tuning study: the settings tried on the validation set, and how the best one was found."""

from __future__ import annotations

from collections.abc import Mapping

from reports.drawing.figure import Drawn
from reports.locale import Catalogue
from reports.sections.base import Part, Section, SectionInput
from reports.sections.report import Report
from reports.sections.search import panels
from reports.sections.search.build import search_findings, search_of
from reports.sections.search.model import Searched


class SearchSection(Section):
    """Every setting that was tried, compared with the default."""

    id = "search"
    place = 300
    model = Searched
    template = "search.html.j2"

    def build(self, given: SectionInput) -> Part | None:
        found = search_of(given.manifest, given.text)
        return found and Part(
            model=found,
            figures=panels.tables(found, given.metric, given.text),
            findings=search_findings(found, str(given.manifest.course["default_row"]), given.text),
        )

    def draw(self, report: Report, text: Catalogue) -> Mapping[str, Drawn]:
        return panels.panels(report.models["search"], report.primary_label, text)
