"""Pages are short: at most 300 lines, 120 characters outside tables and code, and 20 words in a cell."""

from __future__ import annotations

import re

import pytest

from tests.website.test_links import PAGES
from website.links import ROOT, prose

EXPORTS = re.compile(r"docs/findings/.*/.*")
"""Tables that a report writes, and the page that is made of them."""

GENERATED = "<!-- results: written by"
"""Where a page goes on with what a benchmark wrote."""

MOST_LINES, MOST_CHARACTERS, MOST_WORDS = 300, 120, 20
RULES = re.compile(r"[|:\- ]+")


def cells(line: str) -> list[str]:
    """The cells of a row of a table; a bar in code or behind a backslash is part of its cell."""
    hidden = re.sub(r"`[^`]*`|\\\|", lambda found: found[0].replace("|", "/"), line)
    return [cell.strip() for cell in hidden.strip().strip("|").split("|")]


def faults(text: str) -> list[str]:
    found = [f"{len(text.splitlines())} lines"] if len(text.splitlines()) > MOST_LINES else []
    for number, (line, outside) in enumerate(prose(text), start=1):
        if not outside:
            continue
        if line.lstrip().startswith("|"):
            found += [
                f"line {number}: a cell of {len(cell.split())} words"
                for cell in cells(line)
                if not RULES.fullmatch(line) and len(cell.split()) > MOST_WORDS
            ]
        elif len(line) > MOST_CHARACTERS:
            found.append(f"line {number}: {len(line)} characters")
    return found


@pytest.mark.parametrize("name", [name for name in PAGES if not EXPORTS.fullmatch(name)])
def test_the_page_is_short_in_every_direction(name: str) -> None:
    assert not faults((ROOT / name).read_text(encoding="utf-8").partition(GENERATED)[0])


def test_each_fault_is_found():
    assert faults("a\n" * 301) == ["301 lines"]
    assert faults("x" * 121) == ["line 1: 121 characters"]
    assert faults("| a | " + "b " * 21 + "|") == ["line 1: a cell of 21 words"]
    assert faults("| `a | b` | " + "b " * 20 + "|\n```\n" + "x" * 121 + "\n```") == []
