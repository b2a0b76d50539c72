"""Every generated page is current, says everything of its entries, and is few and short."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from harness.checks.catalogue import CHECKS, FIGURES, RULES, STUDY_CHECKS
from harness.checks.places import Kind, place_of
from harness.errors import InputError
from harness.interventions import CATALOGUE, find
from harness.pages.facts import page_of, place_of_remedy
from harness.pages.rendering import page_text
from harness.pages.writing import remedies_json, texts, write_pages
from reports.next import pages as next_pages
from reports.next.catalogue import NEXT_RULES
from reports.sections.glossary import REMEDIES
from tests.reports.test_voice import PHRASES, offences

DOCS = Path(__file__).parents[2] / "docs"
TEXTS = {**texts(), **next_pages.texts()}
PLACES = {
    **{kind.id: place_of_remedy(kind.id) for kind in CATALOGUE},
    **{code: place_of(Kind.CHECK, code, check.claim) for code, check in [*CHECKS.items(), *STUDY_CHECKS.items()]},
    **{f"rule {name}": place_of(Kind.RULE, name) for name in RULES},
    **{f"next {rule.name}": place_of(Kind.NEXT_RULE, rule.name) for rule in NEXT_RULES},
}


def section(name: str) -> str:
    """The text of the section on an entry, each line break a space."""
    place = PLACES[name]
    assert place is not None
    found = TEXTS[place.page].split(f'<a id="{place.anchor}"></a>')
    assert len(found) == 2, f"{place}: one anchor"
    return " ".join(found[1].partition("<a id=")[0].split())


def test_every_committed_page_is_current_and_none_is_left_over() -> None:
    folders = {DOCS / page.partition("/")[0] for page in TEXTS if "/" in page}
    committed = {path for folder in folders for path in folder.rglob("*.md")}
    assert committed == {DOCS / page for page in TEXTS if "/" in page}, "rewrite them with: make pages"
    stale = [page for page, text in TEXTS.items() if (DOCS / page).read_text(encoding="utf-8") != text]
    assert not stale, "rewrite them with: make pages"


def test_pages_are_few_and_whole() -> None:
    assert len(TEXTS) <= 30
    assert not [page for page in TEXTS if page.endswith("/index.md")], "a site takes it for the folder's README.md"
    for text in TEXTS.values():
        for table in re.findall(r"(?:^\|.*\|\n)+", text, flags=re.MULTILINE):
            assert len({len(re.findall(r"(?<!\\)\|", line)) for line in table.splitlines()}) == 1
        assert "``" not in text.replace("```", "")
        assert "{" not in re.sub(r"```.*?```", "", text, flags=re.DOTALL)


def test_pages_have_no_phrase_that_reads_as_translated() -> None:
    assert offences(list(TEXTS.items()), PHRASES["en"]) == []


@pytest.mark.parametrize("kind", Kind)
def test_an_index_is_one_table_with_a_link_to_every_section_of_its_kind(kind: Kind) -> None:
    index = kind.index.page
    if kind is Kind.FIGURE:
        rows = {figure.name: f"| `{figure.name}` |" for figure in FIGURES.values()}
    else:
        prefix = {Kind.RULE: "rule ", Kind.NEXT_RULE: "next "}.get(kind, "")
        pages = {index} if prefix else {page for page in TEXTS if page.startswith(index.partition("/")[0])}
        own = {name: place for name, place in PLACES.items() if place and place.page in pages}
        assert len(own) > 5
        rows = {name: f"]({place.seen_from(index)}) |" for name, place in own.items() if name.startswith(prefix)}
    for name, row in rows.items():
        assert TEXTS[index].count(row) == 1, name
    assert len(re.findall(r"^\| ---", TEXTS[index], flags=re.MULTILINE)) == 1


def test_the_reports_list_of_remedies_is_current() -> None:
    assert REMEDIES.read_text(encoding="utf-8") == remedies_json(), "rewrite it with: make pages"


def test_writing_pages_removes_those_of_entries_that_are_gone(tmp_path: Path) -> None:
    for folder in ("interventions", "checks"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "gone.md").write_text("x")
        (tmp_path / folder / "picture.png").write_text("x")
    (tmp_path / "own.md").write_text("x")
    assert set(write_pages(tmp_path, next_pages.texts())) == {tmp_path / page for page in TEXTS}
    found = {path.relative_to(tmp_path).as_posix(): path for path in tmp_path.rglob("*.*")}
    assert found.keys() == {*TEXTS, "own.md", "interventions/picture.png", "checks/picture.png"}
    assert all(found[page].read_text(encoding="utf-8") == text for page, text in TEXTS.items())


def test_a_section_says_everything_of_its_check() -> None:
    for check in (*CHECKS.values(), *STUDY_CHECKS.values()):
        said = section(check.code)
        own = (check.title, check.condition, check.why, check.compares.value, check.severity.value)
        for part in (*own, *check.reads, *check.errors, *check.reduce):
            assert part in said, (check.code, part)
    for check in STUDY_CHECKS.values():
        assert check.interval in section(check.code)
        assert check.advice in section(check.code)


def test_a_section_says_everything_of_its_rule() -> None:
    for rule in RULES.values():
        spoken_of = {each.id for stack in rule.stacks(dict.fromkeys(rule.reads, 1.0)) for each in stack}
        for part in (rule.title, rule.condition, *rule.reads, *spoken_of):
            assert part in section(f"rule {rule.name}"), (rule.name, part)
    for rule in NEXT_RULES:
        said = re.sub(r"\[([^]]+)\]\([^)]+\)", r"\1", section(f"next {rule.name}"))
        for part in (rule.title, rule.when, rule.expects):
            assert part in said, (rule.name, part)


def test_only_built_in_remedies_have_a_page_and_describe_tells_it() -> None:
    assert place_of_remedy("backbone.gru4rec") is None
    assert "page:" not in page_text(page_of(find("backbone.gru4rec")))
    assert page_text(page_of(find("scope.hard_negatives"))).endswith(
        "page: docs/interventions/scope.md#scope-hard_negatives"
    )


def test_sections_of_problems_4_9_and_10_link_to_neighbours_that_join_the_scores() -> None:
    """The problem list asks for it there: a small network, more than the length, several indexes."""
    asked = ["fusion.adaptive", "scope.quality", "scope.stratified", "scope.hard_negatives", "search.ensemble"]
    assert [kind.id for kind in CATALOGUE if kind.related] == asked
    for id in asked:
        assert "[`wiring.overlap`](mixing.md#wiring-overlap) (neighbours that share items)" in section(id)
        assert "see also: " in page_text(page_of(find(id)))


def test_a_related_remedy_that_does_not_exist_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(find("search.ensemble"), "related", ("wiring.overlapp",))
    with pytest.raises(InputError, match=r"wiring\.overlapp"):
        page_of(find("search.ensemble"))
