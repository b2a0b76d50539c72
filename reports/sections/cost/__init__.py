"""Cost: effect against run time."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from reports.drawing.figure import Drawn, wide_and_narrow
from reports.locale import Catalogue
from reports.sections.base import Part, Section, SectionInput
from reports.sections.cost import scatter
from reports.sections.cost.build import Cost, cost_of
from reports.sections.report import Report


class CostSection(Section):
    """The cost of an effect in run time, and the rows that no other beats in both."""

    id = "cost"
    place = 900
    folded = True
    model = Cost
    template = "cost.html.j2"

    def build(self, given: SectionInput) -> Part | None:
        cost = cost_of(given)
        return cost and Part(model=cost, figures=(scatter.table(cost, given),))

    def draw(self, report: Report, text: Catalogue) -> Mapping[str, Drawn]:
        figure = report.figures["cost"]
        axes = text("figure.cost.axis_x"), text("figure.cost.axis_y", metric=report.primary_label)
        return {"cost": wide_and_narrow(figure, partial(scatter.draw, figure, *axes))}
