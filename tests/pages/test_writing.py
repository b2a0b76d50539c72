"""Every page of the docs folder is current, and what the pages link to is there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from harness.checks.catalogue import CHECKS, RULES
from harness.errors import InputError
from harness.interventions import CATALOGUE, find
from harness.pages.facts import page_of
from harness.pages.writing import KINDS, page_text, remedies_json, write_pages
from reports.sections.glossary import REMEDIES

DOCS = Path(__file__).parents[2] / "docs"
TEXTS = {kind.folder: kind.texts() for kind in KINDS}


@pytest.mark.parametrize("folder", TEXTS)
def test_every_committed_page_is_current_and_none_is_left_over(folder: str) -> None:
    committed = {path.name: path.read_text(encoding="utf-8") for path in (DOCS / folder).iterdir()}
    assert committed.keys() == TEXTS[folder].keys(), "rewrite them with: make pages"
    stale = [name for name, text in TEXTS[folder].items() if committed[name] != text]
    assert not stale, "rewrite them with: make pages"


def test_the_reports_list_of_remedies_is_current() -> None:
    assert REMEDIES.read_text(encoding="utf-8") == remedies_json(), "rewrite it with: make pages"


def test_writing_pages_removes_those_of_entries_that_are_gone(tmp_path: Path) -> None:
    for folder in TEXTS:
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "gone.md").write_text("x")
        (tmp_path / folder / "picture.png").write_text("x")
    assert write_pages(tmp_path) == {tmp_path / folder: len(texts) for folder, texts in TEXTS.items()}
    for folder, texts in TEXTS.items():
        found = {path.name: path for path in (tmp_path / folder).iterdir()}
        assert found.keys() == {*texts, "picture.png"}
        assert all(found[name].read_text(encoding="utf-8") == text for name, text in texts.items())


def test_a_page_says_everything_of_its_check() -> None:
    pages = TEXTS["checks"]
    for check in CHECKS.values():
        page = pages[f"{check.code}.md"]
        for part in (check.title, check.condition, check.why, check.severity.value, *check.reads, *check.reduce):
            assert part in page
        assert "{" not in page


def test_a_page_says_everything_of_its_rule() -> None:
    pages = TEXTS["rules"]
    for rule in RULES.values():
        page = pages[f"{rule.name}.md"]
        spoken_of = {each.id for stack in rule.stacks(dict.fromkeys(rule.reads, 1.0)) for each in stack}
        for part in (rule.title, rule.condition, *rule.reads, *spoken_of):
            assert part in page
        assert "{" not in page


def test_pages_of_problems_4_9_and_10_link_to_retrieval_that_pays() -> None:
    """The problem list asks for it there: a small network, more than the length, several indexes."""
    asked = ["fusion.adaptive", "scope.quality", "scope.stratified", "scope.hard_negatives", "search.ensemble"]
    assert [kind.id for kind in CATALOGUE if kind.related] == asked
    for id in asked:
        assert (
            "[`wiring.overlap`](wiring.overlap.md): Neighbours that share items" in TEXTS["interventions"][f"{id}.md"]
        )
        assert "see also: " in page_text(page_of(find(id)))


def test_a_related_remedy_that_does_not_exist_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(find("search.ensemble"), "related", ("wiring.overlapp",))
    with pytest.raises(InputError, match=r"wiring\.overlapp"):
        page_of(find("search.ensemble"))


@pytest.mark.parametrize("folder", TEXTS)
def test_every_link_leads_to_a_file(folder: str) -> None:
    for path in (DOCS / folder).iterdir():
        for link in re.findall(r"\]\(([^)]+)\)", path.read_text(encoding="utf-8")):
            assert (path.parent / link).exists(), f"{path.name}: {link}"
