"""The pages of the checks and rules are current, and what they link to is there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from harness.checks.catalogue import CHECKS, RULES
from harness.pages import rules as pages_of_rules
from harness.pages.checks import INDEX, texts_of, write_pages

DOCS = Path(__file__).parents[2] / "docs"
FOLDER = DOCS / "checks"


@pytest.mark.parametrize(("folder", "expected"), [("checks", texts_of()), ("rules", pages_of_rules.texts_of())])
def test_every_committed_page_is_current_and_none_is_left_over(folder: str, expected: dict[str, str]) -> None:
    committed = {path.name: path.read_text(encoding="utf-8") for path in (DOCS / folder).iterdir()}
    assert committed.keys() == expected.keys(), "rewrite them with: make pages"
    stale = [name for name, text in expected.items() if committed[name] != text]
    assert not stale, "rewrite them with: make pages"


def test_writing_pages_removes_those_of_checks_that_are_gone(tmp_path: Path) -> None:
    (tmp_path / "FTR999.md").write_text("x")
    (tmp_path / "picture.png").write_text("x")
    written = write_pages(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {*texts_of(), "picture.png"}
    assert {path.name for path in written} == {INDEX, *(f"{check.code}.md" for check in CHECKS.values())}


def test_a_page_says_everything_of_its_check() -> None:
    pages = texts_of()
    for check in CHECKS.values():
        page = pages[f"{check.code}.md"]
        for part in (check.title, check.condition, check.why, check.severity.value, *check.reads, *check.reduce):
            assert part in page
        assert "{" not in page


def test_a_page_says_everything_of_its_rule() -> None:
    pages = pages_of_rules.texts_of()
    for rule in RULES.values():
        page = pages[f"{rule.name}.md"]
        spoken_of = {each.id for stack in rule.stacks(dict.fromkeys(rule.reads, 1.0)) for each in stack}
        for part in (rule.title, rule.condition, *rule.reads, *spoken_of):
            assert part in page
        assert "{" not in page


@pytest.mark.parametrize("folder", ["checks", "rules"])
def test_every_link_leads_to_a_file(folder: str) -> None:
    for path in (DOCS / folder).iterdir():
        for link in re.findall(r"\]\(([^)]+)\)", path.read_text(encoding="utf-8")):
            assert (path.parent / link).exists(), f"{path.name}: {link}"
