"""Every link that a Markdown file of the repository writes leads to a file of it, and to a heading or anchor there."""

from __future__ import annotations

import re
from collections import Counter
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FILES = sorted(
    path
    for pattern in (
        "*.md",
        "docs/**/*.md",
        "examples/**/*.md",
        "examples/**/*.ipynb",
        "studies/**/*.md",
        "benchmarks/**/*.md",
    )
    for path in ROOT.glob(pattern)
)
LINK = re.compile(r"!?\[(?:[^]\[]|\[[^]]*\])*\]\(([^)\s]+)\)|\b(?:href|src|srcset)=\"([^\"]+)\"")


@cache
def prose(path: Path) -> str:
    """The text without blocks of code and code spans."""
    text = re.sub(r"^(```|~~~).*?^\1", "", path.read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE)
    return re.sub(r"`([^`\n]*)`", lambda code: "" if "](" in code[1] else code[0], text)


@cache
def anchors(path: Path) -> frozenset[str]:
    """Of headings, as GitHub and MkDocs make them, and those that the text sets itself."""
    found = set(re.findall(r"<\w+ (?:[^>]* )?(?:id|name)=\"([^\"]+)\"", prose(path)))
    used: Counter[str] = Counter()
    for heading in re.findall(r"^#{1,6} +(.+?) *$", prose(path), flags=re.MULTILINE):
        title = re.sub(r"<[^>]+>|\[([^]]*)\]\([^)]*\)", r"\1", heading).replace("`", "").lower()
        slug = re.sub(r"[^\w\- ]", "", title).strip().replace(" ", "-")
        found.add(f"{slug}-{used[slug]}" if used[slug] else slug)
        used[slug] += 1
    return frozenset(found)


def links(path: Path) -> list[str]:
    found = [one or other for one, other in LINK.findall(prose(path))]
    return [each for each in found if not re.match(r"[a-z]+:", each)]


def broken(path: Path) -> list[str]:
    found: list[str] = []
    for link in links(path):
        file, _, anchor = link.partition("#")
        to = (path.parent / file).resolve() if file else path
        if not to.exists() or (anchor and anchor not in anchors(to)):
            found.append(link)
    return found


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_every_link_leads_to_a_file_and_an_anchor(path: Path) -> None:
    assert broken(path) == []


def test_a_broken_link_is_found(tmp_path: Path) -> None:
    page = tmp_path / "a.md"
    (tmp_path / "b.md").write_text('# One `two`: three\n\n<a id="own-one"></a>\n', encoding="utf-8")
    good = "[x](b.md) [`x`](b.md#one-two-three) [x](b.md#own-one) [x](https://a.b/c) `[x](code.md)`"
    page.write_text(f"{good}\n\n```\n[x](gone.md)\n```\n", encoding="utf-8")
    assert broken(page) == []
    page.write_text("[x](gone.md) [`x`](b.md#gone) [x](#gone)", encoding="utf-8")
    anchors.cache_clear()
    prose.cache_clear()
    assert broken(page) == ["gone.md", "b.md#gone", "#gone"]


def test_there_is_something_to_test() -> None:
    assert len(FILES) > 40
    assert sum(len(links(path)) for path in FILES) > 500
