"""The next study to run: one study file."""

from __future__ import annotations

from reports.next.build import next_of
from reports.next.model import NextStudy
from reports.sections.base import Part, Section, SectionInput


class NextSection(Section):
    """The next study: its purpose, the rules that wrote it, the file and the command."""

    id = "next"
    place = 150
    model = NextStudy
    template = "next.html.j2"

    def build(self, given: SectionInput) -> Part | None:
        found = next_of(given)
        return found and Part(model=found)
