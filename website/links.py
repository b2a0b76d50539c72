"""Links, headings and lists of Markdown files, read as GitHub reads them, for the hook of the site and for tests."""

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
    """Yield each line, and whether it is outside fenced code."""
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

    # A link whose text is code, [`a`](b), is split at that code: the target is in the next part, and is found there.
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
    """Return the path, in the repository, that a link of a page leads to."""
    path = target.partition("#")[0]
    return (page.parent / path).resolve() if path else page


def anchors(text: str) -> set[str]:
    r"""Return the anchors that GitHub gives the headings of a page, and those that the text sets itself.

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
    """Indent what belongs to a list item by four spaces, as Python-Markdown needs it; GitHub needs less.

    A list that follows a paragraph without a blank line gets one.
    """
    found: list[str] = []
    inside: list[int] = []  # the columns at which the contents of the open items begin
    paragraph = False  # whether the line before is one of a paragraph that no item's marker began
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
    """Take the backslash off a bar in code in a table, where GitHub needs it and Python-Markdown would show it."""
    return "\n".join(
        _CODE.sub(lambda found: found[0].replace("\\|", "|"), line) if outside and line.startswith("|") else line
        for line, outside in prose(text)
    )
