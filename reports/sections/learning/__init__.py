"""Learning curves: the primary metric on the validation set by epoch."""

from __future__ import annotations

from collections.abc import Mapping

from reports.drawing.figure import Drawn
from reports.locale import Catalogue
from reports.sections.base import Part, Section, SectionInput
from reports.sections.learning import curves
from reports.sections.report import Report, note


class CurvesSection(Section):
    """The learning curve of every row."""

    id = "curves"
    place = 750
    folded = True
    template = "curves.html.j2"

    def build(self, given: SectionInput) -> Part:
        figure = curves.table(given)
        missing = given.frame.records and not figure.rows
        return Part(figures=(figure,), findings=(note("no_curve", given.text, metric=given.metric),) if missing else ())

    def draw(self, report: Report, text: Catalogue) -> Mapping[str, Drawn]:
        return {"curves": curves.panels(report.figures["curves"], text, report.decimals)}
