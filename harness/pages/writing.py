"""Markdown pages on remedies, checks and rules, and the list of remedies in a report."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from itertools import groupby
from pathlib import Path, PurePosixPath
from typing import TypeVar

from harness.checks.base import Check, Expected, Rule
from harness.checks.catalogue import CHECKS, RULES, STUDY_CHECKS
from harness.checks.families import Family, family_of
from harness.checks.places import Kind, place_of
from harness.interventions import CATALOGUE
from harness.pages.facts import Page, page_of
from harness.pages.rendering import linked, render

T = TypeVar("T")

_OF_TWO_PAGES = {
    "wiring": ("how the code is wired", ""),
    "mixing": (
        "neighbours that join the scores",
        "These remedies mix neighbours into the scores instead of the vector; compared in "
        "[Retrieval that pays](../retrieval.md).",
    ),
}
"""For pages that share a problem, by module of remedies: the end of the page's title and its introduction."""

PREDICTS = {
    Expected.BETTER: "better than base",
    Expected.MOVES: "other rankings than base",
    Expected.IDLE: "no gain on this base",
}
DECIDED = {
    Expected.BETTER: "confirmed by the verdict *better*, open while *inconclusive*, otherwise refuted.",
    Expected.MOVES: "confirmed if the rank of any user differs from base's, otherwise refuted.",
    Expected.IDLE: "confirmed by *no effect on ranks*, *equivalent* or *worse*, and by *better* below the smallest "
    "effect worth having; open while *inconclusive*; otherwise refuted.",
}


def texts() -> dict[str, str]:
    """The Markdown of every page by its path below ``docs``, including plug-ins' checks and rules."""
    return {**_remedies(), **_checks(), **_rules()}


def write_pages(folder: Path, others: Mapping[str, str] | None = None) -> list[Path]:
    """Write every page; other Markdown files in the sub-folders of generated pages are deleted.

    Args:
        others: further pages, in the form of :func:`texts`.

    Returns:
        The files that were written.
    """
    pages = {folder / page: text for page, text in {**texts(), **(others or {})}.items()}
    for place in {path.parent for path in pages} - {folder}:
        place.mkdir(parents=True, exist_ok=True)
        for old in place.glob("*.md"):
            if old not in pages:
                old.unlink()
    for path, text in pages.items():
        path.write_text(text, encoding="utf-8")
    return list(pages)


def remedies_json() -> str:
    """JSON for the report's list of built-in remedies: title in both languages, one sentence and the source of each."""
    said = {
        page.kind.id: {
            "title": page.kind.title,
            "title_zh": page.kind.title_zh,
            "says": page.summary.replace("``", ""),
            "source": page.source,
        }
        for page in map(page_of, CATALOGUE)
    }
    return json.dumps(said, ensure_ascii=False, indent=1) + "\n"


def section_of(page: Page) -> str:
    """The Markdown section on a remedy, built-in or from a plug-in."""
    place = page.place or place_of(Kind.REMEDY, page.kind.id, page.kind.family())
    return render("interventions/section.md", place.page, page=page, place=place)


def _remedies() -> dict[str, str]:
    pages = [page_of(kind) for kind in CATALOGUE]
    found = {Kind.REMEDY.index.page: render("interventions/index.md", Kind.REMEDY.index.page, pages=pages)}
    for path, members in _grouped(pages, lambda page: page.place.page if page.place else ""):
        family = members[0].family
        end, about = _OF_TWO_PAGES.get(PurePosixPath(path).stem, ("", ""))
        checks = linked(path, place_of(Kind.CHECK, "", family.name).page)
        head = render(
            "interventions/page.md",
            path,
            title=_title(family) if not end else f"Beyond the problem list: {end}",
            family=family,
            about=about,
            pages=members,
            checks=checks,
        )
        found[path] = "\n".join([head, *map(section_of, members)])
    return found


def _checks() -> dict[str, str]:
    claims = [each.claim for each in CHECKS.values()]
    of_runs = sorted(CHECKS.values(), key=lambda check: claims.index(check.claim))
    checks: list[Check] = [*of_runs, *STUDY_CHECKS.values()]
    remedies = [page_of(kind) for kind in CATALOGUE]
    figures = Kind.FIGURE.index.page
    found = {
        Kind.CHECK.index.page: render("checks/index.md", Kind.CHECK.index.page, checks=checks),
        figures: render("checks/figures.md", figures),
    }
    for claim, members in _grouped(checks, lambda check: check.claim):
        path = place_of(Kind.CHECK, "", claim).page
        family = family_of(claim)
        answers = dict.fromkeys(page.place.page for page in remedies if page.place and page.family is family)
        head = render(
            "checks/page.md",
            path,
            title=_title(family),
            family=family,
            checks=members,
            remedies=", ".join(linked(path, each) for each in answers),
        )
        sections = (
            render("checks/section.md", path, check=each, place=place_of(Kind.CHECK, each.code, claim))
            for each in members
        )
        found[path] = "\n".join([head, *sections])
    return found


def _rules() -> dict[str, str]:
    path = Kind.RULE.index.page
    rules: list[Rule] = sorted(RULES.values(), key=lambda rule: list(Expected).index(rule.expected))
    words = {
        "predicts": {expected.value: text for expected, text in PREDICTS.items()},
        "decided": {expected.value: text for expected, text in DECIDED.items()},
    }
    head = render("rules/page.md", path, rules=rules, order=list(Expected), **words)
    sections = (
        render("rules/section.md", path, rule=each, place=place_of(Kind.RULE, each.name), **words) for each in rules
    )
    return {path: "\n".join([head, *sections])}


def _title(family: Family) -> str:
    return f"{family.number}. {family.title}" if family.number else family.title


def _grouped(entries: Iterable[T], key: Callable[[T], str]) -> list[tuple[str, list[T]]]:
    """Consecutive entries with the same key, grouped in order."""
    return [(heading, list(members)) for heading, members in groupby(entries, key)]
