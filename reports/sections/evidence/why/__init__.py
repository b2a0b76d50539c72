"""Why: the figures and checks behind the claims."""

from __future__ import annotations

from collections.abc import Mapping

from reports.drawing.figure import Drawn
from reports.locale import Catalogue
from reports.sections.base import Part, Section, SectionInput
from reports.sections.evidence.why import drawings
from reports.sections.evidence.why.build import every_figure, why_of
from reports.sections.evidence.why.model import Why
from reports.sections.report import Report, note


class WhySection(Section):
    """Base and some arms compared: figures, gradient reach, head-room, checks, dead parameters."""

    id = "why"
    place = 650
    folded = True
    model = Why
    template = "why.html.j2"

    def build(self, given: SectionInput) -> Part | None:
        """Return the part; None where the study asks for no diagnosis and has neither a diagnosis nor an audit."""
        if given.evidence.turned_off and given.frame.audit is None:
            return None
        evidence, text = given.evidence, given.text
        figures = (*drawings.tables(evidence, text), every_figure(evidence, text)) if evidence.names else ()
        broken = [f"{each.name} ({each.replicate})" for each in evidence.unmeasured()]
        n = text.count("count.runs", len(broken))
        findings = (note("unmeasured", text, broken, n=n),) if broken else ()
        return Part(model=why_of(given), figures=figures, findings=findings)

    def draw(self, report: Report, text: Catalogue) -> Mapping[str, Drawn]:
        return drawings.drawn(report.figures, report.models["why"].shown, text)
