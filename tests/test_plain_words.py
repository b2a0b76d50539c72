"""Pages and messages in plain words: no translated turns."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.reports.test_voice import strings
from tests.website.test_links import PAGES as ALL

ROOT = Path(__file__).parents[1]
NOT_YET = re.compile(r"docs/findings/.*/.*|.*\.zh\.md")
"""Exports, and the page that is made of them."""

PAGES = [name for name in ALL if not NOT_YET.fullmatch(name)]
GENERATED = "<!-- results: written by"
"""Where a page goes on with what a benchmark wrote."""

ROOMS = ("cli", "runner", "modes", "study", "contracts")
TRANSLATED = re.compile(
    r"(?<!there )\bis no (?!longer)|(?<!there )\bis none\b|\bare none\b|\bnothing is (?:to be|an?)\b|"
    r"\bon valid\b|\bis had\b|\bfor who\b|\bas found\b|\bnobody\b|\bstands\b|"
    r"\b(?:seed|user|item|cell|line|arm) a (?:seed|user|item|cell|line|setting)\b"
)


def written(page: str) -> str:
    """What a person wrote of a page, without what it quotes."""
    text = (ROOT / page).read_text(encoding="utf-8").partition(GENERATED)[0]
    return re.sub(r"`[^`\n]*`", "", re.sub(r"```.*?```", "", text, flags=re.DOTALL))


@pytest.mark.parametrize("page", PAGES)
def test_a_page_has_no_translated_turns(page: str) -> None:
    assert not TRANSLATED.findall(written(page))


@pytest.mark.parametrize("room", ROOMS)
def test_messages_have_no_translated_turns(room: str) -> None:
    found = [
        f"{where}: {text}"
        for path in sorted((ROOT / "harness" / room).rglob("*.py"))
        for where, text in strings(path)
        if " " in text and TRANSLATED.search(text)
    ]
    assert not found


def test_how_the_report_decides_begins_with_what_a_verdict_means() -> None:
    headings = [line for line in written("docs/statistics.md").splitlines() if line.startswith("## ")]
    assert headings[0] == "## What a verdict means"
