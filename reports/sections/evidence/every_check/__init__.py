"""Every check of base, and the status of every check of each arm."""

from __future__ import annotations

from reports.sections.base import Part, Section, SectionInput


class ChecksSection(Section):
    """The checks in the model of section ``why``, each with what it detected and the remedies that reduce it."""

    id = "checks"
    place = 1200
    folded = True
    template = "every_check.html.j2"

    def build(self, given: SectionInput) -> Part | None:
        """Return an empty part; None where base has no diagnosis."""
        return Part() if given.evidence.measured else None
