"""Links, headings and lists of Markdown files, parsed as GitHub does, for the site's hook and for tests."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
DOCS = ROOT / "docs"

_FENCE = re.compile(r"^\s*(`{3,}|~{3,})")
_CODE = re.compile(r"(`+[^`]+`+)")
_TARGET = re.compile(r"(\]\()([^)\s]+)(?=\))")
_HEADING = re.compile(r"^#{1,6}\s+(.*?)\s*#*$")
_ITEM = re.compile(r"(?:[-*+]|\d+[.)]) +")
_ELSEWHERE = re.compile(r"^[a-z][a-z0-9+.-]*:")


def prose(text: str) -> Iterator[tuple[str, bool]]:
    """Yield each line with whether it is outside fenced code."""
    fence = ""
    for line in text.split("\n"):
        mark = _FENCE.match(line)
        if fence:
            yield line, False
            if mark and mark[1].startswith(fence) and not line.strip(" `~"):
                fence = ""
        else:
            fence = mark[1] if mark else ""
            yield line, not fence


def replace_targets(text: str, replace: Callable[[str], str]) -> str:
    """Replace the target of every relative link and image outside code."""

    def of_line(line: str) -> str:
        parts = _CODE.split(line)
        parts[::2] = [_TARGET.sub(lambda found: found[1] + of_target(found[2]), part) for part in parts[::2]]
        return "".join(parts)

    def of_target(target: str) -> str:
        return target if _ELSEWHERE.match(target) else replace(target)

    # A link whose text is code, [`a`](b), is split at the code; its target is in the next part.
    return "\n".join(of_line(line) if outside else line for line, outside in prose(text))


def targets(text: str) -> list[str]:
    """Return the targets of all relative links and images, with their anchors."""
    found: list[str] = []

    def note(target: str) -> str:
        found.append(target)
        return target

    replace_targets(text, note)
    return found


def resolved(target: str, page: Path) -> Path:
    """Return the repository path that a link on a page points to."""
    path = target.partition("#")[0]
    return (page.parent / path).resolve() if path else page


def anchors(text: str) -> set[str]:
    r"""Return the anchors that GitHub creates for the headings of a page, and those set in the text.

    >>> sorted(anchors("# A page\n## `mode: grid`: what it does\n## A page"))
    ['a-page', 'a-page-1', 'mode-grid-what-it-does']
    """
    found: dict[str, int] = {}
    own: set[str] = set()
    for line, outside in prose(text):
        own.update(re.findall(r'<a id="([^"]+)">', line) if outside else ())
        heading = _HEADING.match(line) if outside else None
        if heading:
            words = re.sub(r"!?\[([^\]]*)\]\([^)]*\)", r"\1", heading[1])
            slug = re.sub(r"[^\w\- ]", "", words.lower()).replace(" ", "-")
            found[slug] = found.get(slug, -1) + 1
    return own | {slug if not n else f"{slug}-{n}" for slug, most in found.items() for n in range(most + 1)}


def four_spaces(text: str) -> str:
    """Indent the content of list items by four spaces, as Python-Markdown requires; GitHub accepts less.

    Inserts a blank line between a paragraph and a list that directly follows it.
    """
    found: list[str] = []
    inside: list[int] = []  # start columns of the contents of open items
    paragraph = False  # whether the previous line belongs to a paragraph outside a list item's first line
    for line, outside in prose(text):
        content = line.lstrip(" ")
        column = len(line) - len(content)
        if not content:
            paragraph = False
            found.append(line)
            continue
        while inside and column < inside[-1]:
            inside.pop()
        item = _ITEM.match(content) if outside else None
        if item and paragraph:
            found.append("")
        began = bool(found) and bool(found[-1])
        found.append(" " * (4 * len(inside) + column - (inside[-1] if inside else 0)) + content)
        if item:
            inside.append(column + len(item[0]))
        paragraph = not item and outside and (paragraph or not began)
    return "\n".join(found)


def bars_in_tables(text: str) -> str:
    """Remove the backslash before a bar in code within a table: GitHub needs it, Python-Markdown would show it."""
    return "\n".join(
        _CODE.sub(lambda found: found[0].replace("\\|", "|"), line) if outside and line.startswith("|") else line
        for line, outside in prose(text)
    )
