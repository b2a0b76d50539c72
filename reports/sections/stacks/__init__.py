"""Stacks: a factorial study, or a stack chosen arm by arm."""

from __future__ import annotations

from collections.abc import Mapping

from reports.drawing.figure import Drawn
from reports.locale import Catalogue
from reports.sections.base import Part, Section, SectionInput
from reports.sections.report import Report
from reports.sections.stacks import drawings, tables
from reports.sections.stacks.factorial import factorial_of, missing_finding
from reports.sections.stacks.greedy import greedy_of
from reports.sections.stacks.model import Stacks


class StacksSection(Section):
    """Main effects, interactions and Shapley shares of a factorial study; the rounds of a greedy one."""

    id = "stacks"
    place = 250
    model = Stacks
    template = "stacks.html.j2"

    def build(self, given: SectionInput) -> Part | None:
        course, text, decimals = given.manifest.course, given.text, given.decimals
        if course.get("mode") == "greedy":
            greedy = greedy_of(course, given.rows, decimals, text)
            return Part(model=Stacks(greedy=greedy), figures=(tables.path(greedy, decimals, text),))
        if course.get("mode") != "factorial":
            return None
        found = factorial_of(given.analysis, decimals, text)
        return Part(
            model=Stacks(factorial=found),
            figures=tables.of_factorial(found, given.metric, decimals, text),
            findings=(missing_finding(found.missing, text),) if found.missing else (),
        )

    def draw(self, report: Report, text: Catalogue) -> Mapping[str, Drawn]:
        return drawings.drawn(report, text)
