"""The glossary: each remedy that a page names in one sentence, so that names link to an explanation in the page."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from harness.results.manifest import BASE
from reports.locale import Catalogue
from reports.sections.base import Part, Section, SectionInput

REMEDIES = Path(__file__).with_name("remedies.json")
"""Catalogue data of every built-in remedy; written by ``ftr-study pages``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Term:
    """A remedy in the glossary.

    Attributes:
        says: what it does, a sentence in English; empty on pages in another language and for remedies of plug-ins.
        source: section of the problem list, such as ``1.2``, or a paper; empty where there is none, and likewise.
        arms: rows of the study that have it.
    """

    id: str
    title: str
    says: str = ""
    source: str = ""
    arms: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Glossary:
    """Remedies by id, those of the study first."""

    terms: tuple[Term, ...]


class GlossarySection(Section):
    """Every remedy that the study has or that a check of base names as reducing its issue."""

    id = "glossary"
    place = 1225
    folded = True
    model = Glossary
    template = "glossary.html.j2"

    def build(self, given: SectionInput) -> Part | None:
        terms = tuple(_terms(given))
        return Part(model=Glossary(terms=terms)) if terms else None


def _terms(given: SectionInput) -> Iterator[Term]:
    titles = {id_: title for row in given.rows for id_, title in zip(row.remedies, row.titles, strict=True)}
    issues = given.evidence.checks.get(BASE, {}).values()
    named = dict.fromkeys([*titles, *(each for found in issues for each in found.check.reduce)])
    for id_ in named:
        known = remedies().get(id_, {})
        arms = tuple(row.name for row in given.rows if id_ in row.remedies)
        title = titles.get(id_) or _title(known, given.text) or id_
        said = known if given.text.lang == "en" else {}
        yield Term(id=id_, title=title, says=said.get("says", ""), source=said.get("source", ""), arms=arms)


def _title(known: dict[str, str], text: Catalogue) -> str:
    return known.get(f"title_{text.lang}") or known.get("title", "")


@cache
def remedies() -> dict[str, dict[str, str]]:
    """Return title, sentence and source of every built-in remedy by id."""
    return json.loads(REMEDIES.read_text(encoding="utf-8"))
