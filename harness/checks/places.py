"""Where the documentation describes a remedy, a check, a figure or a rule: one section per entry, on few pages.

All links to such a section come from :func:`place_of`.
"""

from __future__ import annotations

import posixpath
from dataclasses import dataclass
from enum import Enum

DOCS = "docs"
"""Folder of the documentation in the repository."""

_FILES = {"index": "memory"}
"""Family -> the name of its file if that differs; site generators use ``index.md`` for the page of the folder."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A section of a page.

    Attributes:
        page: below ``docs``.
        anchor: of the section; empty for the page itself.
    """

    page: str
    anchor: str = ""

    def __str__(self) -> str:
        return f"{DOCS}/{self.page}" + f"#{self.anchor}" * bool(self.anchor)

    def seen_from(self, page: str) -> str:
        """The link to it from a page below ``docs``.

        >>> place_of(Kind.CHECK, "FTR101", "kl").seen_from("rules.md")
        'checks/kl.md#ftr101'
        >>> place_of(Kind.CHECK, "FTR101", "kl").seen_from("checks/kl.md")
        '#ftr101'
        """
        file = "" if page == self.page else posixpath.relpath(self.page, posixpath.dirname(page) or ".")
        return file + f"#{self.anchor}" * bool(self.anchor)

    def heading(self, title: str) -> str:
        """The heading of the section, with its anchor."""
        return f'<a id="{self.anchor}"></a>\n\n## {title}'


class Kind(Enum):
    """A kind of entry in the documentation: the page of a family of them, and the page of their index."""

    REMEDY = ("interventions/{family}.md", "interventions/README.md")
    CHECK = ("checks/{family}.md", "checks/README.md")
    FIGURE = ("checks/figures.md", "checks/figures.md")
    RULE = ("rules.md", "rules.md")
    NEXT_RULE = ("next.md", "next.md")

    @property
    def index(self) -> Place:
        """The page that lists all entries."""
        return Place(page=self.value[1])


def place_of(kind: Kind, name: str, family: str = "") -> Place:
    """The section on an entry.

    Args:
        name: the remedy's or the rule's id, the check's code.
        family: of a remedy, the file of ``harness/interventions`` that defines it; of a check, its claim.

    >>> str(place_of(Kind.REMEDY, "kl.reverse", "kl"))
    'docs/interventions/kl.md#kl-reverse'
    """
    return Place(page=kind.value[0].format(family=_FILES.get(family, family)), anchor=name.lower().replace(".", "-"))
