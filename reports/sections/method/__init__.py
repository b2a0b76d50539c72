"""Method and provenance: how the figures were obtained."""

from __future__ import annotations

from reports.sections.base import Part, Section, SectionInput
from reports.sections.method.build import Method, method_of


class MethodSection(Section):
    """The method in words, the state of every cell, and the provenance of the study."""

    id = "method"
    place = 1250
    folded = True
    model = Method
    template = "method.html.j2"

    def build(self, given: SectionInput) -> Part:
        return Part(model=method_of(given.analysis, given.decimals, given.text))
