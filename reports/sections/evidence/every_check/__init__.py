"""Every check of base, and of every arm by its status."""

from __future__ import annotations

from reports.sections.base import Part, Section, SectionInput


class ChecksSection(Section):
    """The checks that section ``why`` holds in its model, each with what it detected and what reduces it."""

    id = "checks"
    place = 1200
    folded = True
    template = "every_check.html.j2"

    def build(self, given: SectionInput) -> Part | None:
        """None where base was not looked at."""
        return Part() if given.evidence.measured else None
