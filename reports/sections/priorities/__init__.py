"""The problem list's priorities, compared with the measured order of the remedies."""

from __future__ import annotations

from reports.sections.base import Part, Section, SectionInput
from reports.sections.priorities.build import Priorities, priorities_of


class PrioritiesSection(Section):
    """Whether remedies with a high priority have the larger effects."""

    id = "priorities"
    place = 950
    folded = True
    model = Priorities
    template = "priorities.html.j2"

    def build(self, given: SectionInput) -> Part | None:
        found = priorities_of(given)
        return found and Part(model=found)
