"""Reference rows: baselines that an arm must beat to be of use; they are below the ranking, never in it."""

from __future__ import annotations

from reports.sections.base import Part, Section, SectionInput
from reports.sections.references.build import findings_of, references_of
from reports.sections.references.model import References


class ReferencesSection(Section):
    """Rows without tests and places in the ranking, metrics of all users' recommendations, and published figures."""

    id = "references"
    place = 1100
    folded = True
    model = References
    template = "references.html.j2"

    def build(self, given: SectionInput) -> Part | None:
        found = references_of(given)
        return found and Part(model=found, findings=findings_of(found, given))
