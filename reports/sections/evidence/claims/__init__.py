"""The ten claims of the problem list."""

from __future__ import annotations

from reports.sections.base import Part, Section, SectionInput
from reports.sections.evidence.claims.build import Claims, claims_of


class ClaimsSection(Section):
    """Every claim, compared with the measurements of base and the effects of its family's remedies."""

    id = "claims"
    place = 350
    model = Claims
    template = "claims.html.j2"

    def build(self, given: SectionInput) -> Part | None:
        """Return the claims; None where the study asks for no diagnosis and has none."""
        if given.evidence.turned_off:
            return None
        return Part(model=claims_of(given))
