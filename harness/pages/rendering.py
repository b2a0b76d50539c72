"""The templates of pages and of the terminal, and the functions that they call."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Sequence
from functools import cache, partial
from itertools import groupby
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from harness.checks.base import Remedy, Rule
from harness.checks.catalogue import FIGURES, PARTS, RULES, STUDY_FIGURES, check_of, codes, figure_of
from harness.checks.families import Family, family_of
from harness.checks.places import Kind, Place, place_of
from harness.interventions import CATALOGUE
from harness.interventions.domains import as_written
from harness.pages.facts import Page, place_of_remedy
from harness.words import folded, within_a_sentence

WIDTH = 100
"""Line width in a terminal, in characters."""


def page_text(page: Page) -> str:
    """The section on an intervention, for a terminal."""
    return _terminal("interventions/page.txt", page=page)


def list_text(pages: Sequence[Page]) -> str:
    """Interventions by problem, for a terminal: the parameters, written seams and clashes of each."""
    groups = [(family, list(members)) for family, members in groupby(pages, lambda page: page.family)]
    return _terminal("interventions/list.txt", groups=groups)


def render(template: str, here: str, **context: Any) -> str:
    """The Markdown of a template for the page ``here`` below ``docs``, with links relative to that page."""
    link = partial(_link, here)
    text = (
        _environment()
        .get_template(template)
        .render(**context, link=link, links=lambda ids, sep=", ": sep.join(map(link, ids)))
    )
    return folded(_tidy(text, code="`"))


def linked(here: str, page: str) -> str:
    """A link from page ``here`` to another page, labelled with the name of its file."""
    return f"[{page}]({Place(page=page).seen_from(here)})"


def _terminal(template: str, **context: Any) -> str:
    text = _environment().get_template(template).render(**context, link=str, links=lambda ids, sep=", ": sep.join(ids))
    return _tidy(text, code="").rstrip()


def _tidy(text: str, *, code: str) -> str:
    """The text without trailing blanks or repeated empty lines, and with double backticks replaced by ``code``."""
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
        "priorities": {"H": "high", "M": "medium", "L": "low", "-": "–"},
        "problem": _problem,
        "row": _row,
        "within_a_sentence": within_a_sentence,
        "stacks_of": _stacks_of,
        "titles": {kind.id: kind.title for kind in CATALOGUE},
    }
    return pages


def _link(here: str, name: str) -> str:
    """An entry's name, linked to its section if it has one (a plug-in's remedy has none)."""
    if name in codes():
        return f"[{name}]({place_of(Kind.CHECK, name, check_of(name).claim).seen_from(here)})"
    place = place_of(Kind.RULE, name) if name in RULES else place_of_remedy(name)
    return f"[`{name}`]({place.seen_from(here)})" if place else f"`{name}`"


def _problem(family: Family) -> str:
    """A problem's number and name, for a table."""
    return family.name if family.number is None else f"{family.number} {family.name}"


def _row(*cells: str) -> str:
    """A row of a table."""
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _with_names(sentence: str) -> str:
    """The sentence with each figure's name in place of its value."""
    return re.sub(r"\{([^}:]+)[^}]*\}", r"`\1`", sentence)


def _wrapped(text: str, label: str = "") -> str:
    """A paragraph with its label, wrapped to lines; empty if the text is empty."""
    if not text.strip():
        return ""
    indent = " " * (len(label) - len(label.lstrip()) + 2) if label or text.startswith("- ") else ""
    return textwrap.fill(label + text.strip(), WIDTH, subsequent_indent=indent, break_long_words=False) + "\n"


def _stacks_of(rule: Rule) -> tuple[tuple[Remedy, ...], ...]:
    """The stacks that a rule names for any figures, one for each combination of remedy ids."""
    found = rule.stacks(dict.fromkeys(rule.reads, 1.0))
    return tuple({tuple(each.id for each in stack): stack for stack in found}.values())
