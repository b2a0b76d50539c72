"""Who gains: effects by group of users, and the users that an arm gains and loses."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import partial

from reports.drawing.figure import Drawn, wide_and_narrow
from reports.locale import Catalogue
from reports.sections.base import Part, Section, SectionInput
from reports.sections.report import Report
from reports.sections.who import crossings, groups
from reports.sections.who.build import who_gains
from reports.sections.who.model import WhoGains


class WhoSection(Section):
    """Effects within groups of users or of their targets; users gained and lost."""

    id = "who"
    place = 850
    folded = True
    model = WhoGains
    template = "who.html.j2"

    def build(self, given: SectionInput) -> Part | None:
        if given.frame.n_targets > 1:
            given = replace(given, text=given.text.variant("targets"))
        who = who_gains(given)
        return who and Part(model=who, figures=(groups.table(who, given), crossings.table(given)))

    def draw(self, report: Report, text: Catalogue) -> Mapping[str, Drawn]:
        text = text.variant("targets") if report.n_targets > 1 else text
        crossed, axis = report.figures["crossings"], text("figure.crossings.axis")
        return {
            "groups": groups.panels(report.figures["groups"], text, report.decimals),
            "crossings": wide_and_narrow(crossed, partial(crossings.draw, crossed, axis)),
        }
