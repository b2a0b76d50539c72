"""Pages on interventions, checks and rules: small facts read off the classes, written by Markdown templates."""

from __future__ import annotations

import json
import re
import textwrap
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import groupby
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from harness.checks.base import Check, Expected, Remedy, Rule
from harness.checks.catalogue import CHECKS, FIGURES, PARTS, RULES, STUDY_CHECKS, STUDY_FIGURES, figure_of
from harness.checks.families import family_of
from harness.interventions import CATALOGUE
from harness.interventions.domains import as_written
from harness.pages.facts import Page, page_of

INDEX = "README.md"
WIDTH = 100
"""Characters of a line in a terminal."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """Pages that are made alike: one for each entry, and their index.

    Attributes:
        folder: of the pages under ``docs`` and of their templates: ``page.md``, and ``index.md`` of the groups.
        entries: what there is, in the order of the index.
        name: an entry's file, without its ending.
        group: the heading under which the index lists an entry.
    """

    folder: str
    entries: Callable[[], Sequence[Any]]
    name: Callable[[Any], str]
    group: Callable[[Any], object]

    def texts(self) -> dict[str, str]:
        """Markdown by file name."""
        entries = self.entries()
        index = _render(f"{self.folder}/index.md", groups=_grouped(entries, self.group))
        return {INDEX: index} | {
            f"{self.name(each)}.md": _render(f"{self.folder}/page.md", page=each) for each in entries
        }


KINDS = (
    Kind(
        folder="interventions",
        entries=lambda: [page_of(kind) for kind in CATALOGUE],
        name=lambda page: page.kind.id,
        group=lambda page: page.family,
    ),
    Kind(
        folder="checks",
        entries=lambda: [*sorted(CHECKS.values(), key=_claim), *STUDY_CHECKS.values()],
        name=lambda check: check.code,
        group=lambda check: family_of(check.claim),
    ),
    Kind(
        folder="rules",
        entries=lambda: sorted(RULES.values(), key=lambda rule: list(Expected).index(rule.expected)),
        name=lambda rule: rule.name,
        group=lambda rule: rule.expected,
    ),
)


def write_pages(folder: Path, others: Mapping[str, Mapping[str, str]] | None = None) -> dict[Path, int]:
    """Write every page and index into a folder for each kind; Markdown files of entries that are gone are removed.

    Args:
        others: folder -> Markdown by file name, of kinds that the harness does not know.

    Returns:
        The number of files by folder.
    """
    written: dict[Path, int] = {}
    for name, texts in {**{kind.folder: kind.texts() for kind in KINDS}, **(others or {})}.items():
        place = folder / name
        place.mkdir(parents=True, exist_ok=True)
        for old in place.glob("*.md"):
            if old.name not in texts:
                old.unlink()
        for file, text in texts.items():
            (place / file).write_text(text, encoding="utf-8")
        written[place] = len(texts)
    return written


def remedies_json() -> str:
    """What the report's list of remedies says of each built-in one: title in both languages, a sentence, its source."""
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


def page_markdown(page: Page) -> str:
    """The page of an intervention as a Markdown file beside the others of its catalogue."""
    return _render("interventions/page.md", page=page)


def page_text(page: Page) -> str:
    """The page of an intervention for a terminal."""
    return _render("interventions/page.txt", page=page).rstrip()


def list_text(pages: Sequence[Page]) -> str:
    """Interventions for a terminal, by problem: what each takes and writes, and with what it cannot be combined."""
    return _render("interventions/list.txt", groups=_grouped(pages, lambda page: page.family)).rstrip()


def _render(template: str, **context: Any) -> str:
    """A template's text without blanks at the ends of lines, more than one empty line, or the code marks of Python."""
    text = _environment().get_template(template).render(context)
    code = "`" if template.endswith(".md") else ""
    text = re.sub(r"(?<!`)``(?!`)", code, re.sub(r"[ \t]+$", "", text, flags=re.MULTILINE))
    return re.sub(r"\n{3,}", "\n\n", text).strip() + "\n"


@cache
def _environment() -> Environment:
    pages = Environment(
        loader=PackageLoader("harness", "pages/templates"),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    pages.filters |= {"as_written": as_written, "with_names": _with_names, "wrapped": _wrapped}
    pages.globals |= {
        "family_of": family_of,
        "figure_of": figure_of,
        "figures": lambda: [*FIGURES.values(), *STUDY_FIGURES.values()],
        "parts": PARTS,
        "row": _row,
        "stacks_of": _stacks_of,
        "titles": {kind.id: kind.title for kind in CATALOGUE},
    }
    return pages


def _grouped(entries: Iterable[Any], key: Callable[[Any], object]) -> list[tuple[object, list[Any]]]:
    """Neighbours of the same key together, in their order."""
    return [(heading, list(members)) for heading, members in groupby(entries, key)]


def _row(*cells: str) -> str:
    """A row of a table."""
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _claim(check: Check) -> int:
    """The place of the first check of the same claim, a plug-in's too."""
    return [each.claim for each in CHECKS.values()].index(check.claim)


def _with_names(sentence: str) -> str:
    """The sentence with the name of each figure where a report has its value."""
    return re.sub(r"\{([^}:]+)[^}]*\}", r"`\1`", sentence)


def _wrapped(text: str, label: str = "") -> str:
    """Lines of a paragraph under its label; none for an empty one."""
    if not text.strip():
        return ""
    indent = " " * (len(label) - len(label.lstrip()) + 2) if label else ""
    return textwrap.fill(label + text.strip(), WIDTH, subsequent_indent=indent, break_long_words=False) + "\n"


def _stacks_of(rule: Rule) -> tuple[tuple[Remedy, ...], ...]:
    """The stacks that a rule speaks of, whatever the figures; those that differ in settings alone once."""
    found = rule.stacks(dict.fromkeys(rule.reads, 1.0))
    return tuple({tuple(each.id for each in stack): stack for stack in found}.values())
