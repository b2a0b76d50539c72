"""Retrieval on and off: the gain by retrieval with the same weights."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from reports.drawing.figure import Drawn, wide_and_narrow
from reports.locale import Catalogue
from reports.sections.base import Part, Section, SectionInput
from reports.sections.modes import levels
from reports.sections.report import Report


class ModesSection(Section):
    """The level of every row with retrieval off and on."""

    id = "modes"
    place = 800
    folded = True
    template = "modes.html.j2"

    def build(self, given: SectionInput) -> Part:
        return Part(figures=(levels.table(given),))

    def draw(self, report: Report, text: Catalogue) -> Mapping[str, Drawn]:
        figure, axis = report.figures["modes"], text("figure.modes.axis", metric=report.primary_label)
        return {"modes": wide_and_narrow(figure, partial(levels.draw, figure, axis))}
