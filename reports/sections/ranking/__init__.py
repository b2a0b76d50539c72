"""The ranking: every row in figures, and their effects drawn."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from reports.drawing.figure import Drawn, wide_and_narrow
from reports.locale import Catalogue
from reports.sections.base import Part, Section, SectionInput
from reports.sections.ranking import forest
from reports.sections.ranking.axis import axis_of
from reports.sections.report import Report


class RankingSection(Section):
    """The table of all rows (the report's ``rows``) with their intervals on one axis.

    Reference rows and published figures follow below the table.
    """

    id = "ranking"
    place = 200
    template = "ranking.html.j2"

    def build(self, given: SectionInput) -> Part:
        return Part()

    def variables(self, report: Report) -> Mapping[str, object]:
        """Return the axis, the numbered notes in row order, the references and the first arm that has metrics."""
        notes = dict.fromkeys(row.note for row in report.rows if row.note)
        return {
            "axis": axis_of(report.figures.get("forest")),
            "notes": {note: number for number, note in enumerate(notes, start=1)},
            "references": report.models.get("references"),
            "first": next((row for row in report.rows if row.kind == "arm" and row.metrics), None),
        }


class ForestSection(Section):
    """The effect of every arm with both of its intervals, as a figure for a paper."""

    id = "forest"
    place = 1150
    folded = True
    template = "forest.html.j2"

    def build(self, given: SectionInput) -> Part:
        return Part(figures=(forest.table(given),))

    def draw(self, report: Report, text: Catalogue) -> Mapping[str, Drawn]:
        figure, axis = report.figures["forest"], text("figure.forest.axis", metric=report.primary_label)
        return {"forest": wide_and_narrow(figure, partial(forest.draw, figure, axis))}
