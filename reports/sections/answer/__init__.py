"""The answer, and what a reader must know before believing it."""

from __future__ import annotations

from dataclasses import replace

from reports.next.build import adopt_for_now
from reports.sections.answer.build import Answer, answer_of, cause_of
from reports.sections.answer.findings import findings_of
from reports.sections.answer.paragraph import paragraph_of
from reports.sections.base import Part, Section, SectionInput


class AnswerSection(Section):
    """The best arm, or that nothing helped; the findings of all sections stand below it."""

    id = "answer"
    place = 100
    model = Answer
    template = "answer.html.j2"

    def build(self, given: SectionInput) -> Part:
        answer = answer_of(given.analysis, given.rows, given.decimals, given.text)
        cause = cause_of(answer, given.evidence, given.text)
        paragraph = paragraph_of(given.analysis, given.rows, given.decimals, given.text)
        said = replace(answer, cause=cause, paragraph=paragraph, adopt=adopt_for_now(answer.adopt, given))
        return Part(model=said, findings=findings_of(given))
