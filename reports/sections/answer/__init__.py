"""The answer, and what a reader must know before believing it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from reports.locale import formats
from reports.next.build import adopt_for_now
from reports.sections.answer.build import Answer, answer_of, cause_of
from reports.sections.answer.findings import findings_of
from reports.sections.answer.paragraph import paragraph_of
from reports.sections.base import Part, Section, SectionInput
from reports.sections.references.build import best_untrained


class AnswerSection(Section):
    """The best arm, or that nothing helped; the page lists the findings of all sections below it."""

    id = "answer"
    place = 100
    model = Answer
    template = "answer.html.j2"

    def build(self, given: SectionInput) -> Part:
        answer = answer_of(given.analysis, given.rows, given.decimals, given.text)
        cause = cause_of(answer, given.evidence, given.text)
        paragraph = paragraph_of(given.analysis, given.rows, given.decimals, given.text)
        adopt = given.text("list.sentences").join([adopt_for_now(answer.adopt, given), *_ahead(answer, given)])
        said = replace(answer, cause=cause, paragraph=paragraph, adopt=adopt)
        return Part(model=said, findings=findings_of(given))


def _ahead(answer: Answer, given: SectionInput) -> Iterator[str]:
    """Yield a sentence on the best untrained reference row where the arm to adopt does not beat it."""
    row = next((row for row in given.rows if row.name == answer.arm), None)
    if answer.code != "helped" or row is None or answer.base is None or row.effect is None:
        return
    own = answer.base + row.effect
    best = best_untrained(given)
    if best is not None and best[0] >= own:
        level, mine = (formats.number(value) for value in (best[0], own))
        yield given.text("answer.adopt.reference", title=best[1], level=level, arm=row.name, own=mine)
