"""Checks of the study as a whole, in addition to those of its runs."""

from __future__ import annotations

from reports.sections.base import Part, Section, SectionInput
from reports.sections.study_checks.build import StudyChecks, study_checks_of


class StudyChecksSection(Section):
    """References, search ranges, budgets, ties and cutoffs that can mislead."""

    id = "study_checks"
    place = 1175
    folded = True
    model = StudyChecks
    template = "study_checks.html.j2"

    def build(self, given: SectionInput) -> Part:
        return Part(model=study_checks_of(given))
