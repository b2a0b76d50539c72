"""A section is one folder: found, built, drawn and rendered, and what goes wrong in one harms no other."""

from __future__ import annotations

import json
import sys
from importlib.metadata import EntryPoint, EntryPoints
from pathlib import Path

import pytest

from harness.results.folder import StudyFolder
from reports.output.files import write_report
from reports.sections.contract import MARKUP, check_section, small_study
from reports.sections.registry import SECTIONS, in_page_order
from tests.reports import worlds
from tests.reports.pages import Page, by_name

OF_SPECIAL_STUDIES = {"checks", "next", "predictions", "references", "search", "stacks"}
"""Sections that have nothing to say of the small study; their own tests hand in one."""

SECTION = '''
from dataclasses import dataclass

from reports.drawing.figure import figure_of
from reports.sections.base import Part, Section


@dataclass(frozen=True, slots=True, kw_only=True)
class Lengths:
    longest: str
    n: int


class NameLengths(Section):
    """How long the names of the rows are."""

    id = "lengths"
    place = 250
    model = Lengths
    template = "lengths.html.j2"

    def build(self, given):
        names = [row.name for row in given.rows]
        longest = max(names, key=len)
        rows = [(name, len(name)) for name in names]
        alt = f"Lengths of {len(names)} names, the longest {longest}"
        figure = figure_of("name_lengths", given.text, ("row", "length"), rows, alt=alt)
        return Part(model=Lengths(longest=longest, n=len(longest)), figures=(figure,))

    def draw(self, report, text):
        bars = "".join(f'<rect width="{length}" height="1"/>' for _, length in report.figures["name_lengths"].rows)
        return {"name_lengths": [f'<svg aria-hidden="true">{bars}</svg>'] * 2}
'''
TEMPLATE = """\
{% from "drawn.html.j2" import both with context %}
<section id="lengths" aria-labelledby="lengths-title">
  <h2 id="lengths-title">{{ t("lengths.title") }}</h2>
  <p>{{ t("lengths.longest", name=model.longest, n=model.n) }}</p>
  {{ both(report.figures["name_lengths"]) }}
</section>
"""
ENGLISH = """\
nav.lengths = "Names"
lengths.title = "Lengths of names"
lengths.longest = "{name} has {n} letters."
figure.name_lengths = { title = "Lengths", caption = "Letters per name." }
"""
CHINESE = 'nav.lengths = "名称"\n'


@pytest.fixture
def folder(tmp_path: Path) -> StudyFolder:
    return worlds.study(tmp_path / "runs" / "four", worlds.FOUR, n_users=60)


@pytest.fixture
def lengths(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A plug-in with a section of its own, installed: one folder and an entry point."""
    package = tmp_path / "throwaway_section"
    package.mkdir()
    (package / "__init__.py").write_text(SECTION)
    (package / "lengths.html.j2").write_text(TEMPLATE)
    (package / "en.toml").write_text(ENGLISH)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, package.name, raising=False)
    install(monkeypatch, "lengths", "throwaway_section:NameLengths")
    return package


def install(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    points = EntryPoints([EntryPoint(name=name, value=value, group="ftr_study.sections")])
    monkeypatch.setattr("harness.plugins.entry_points", lambda group: points.select(group=group))
    monkeypatch.setattr(SECTIONS, "_all", None)


def test_a_new_section_is_one_folder_and_an_entry_point(folder: StudyFolder, lengths: Path) -> None:
    page = Page(write_report(folder).read_text(encoding="utf-8"))
    said = json.loads((folder.path / "report.json").read_text(encoding="utf-8"))
    longest = max(by_name(said), key=len)
    assert said["lengths"] == {"longest": longest, "n": len(longest)}
    assert said["figures"]["name_lengths"]["rows"] == [[name, len(name)] for name in by_name(said)]
    assert said["sections"][:4] == ["answer", "ranking", "lengths", "curves"]
    assert f"{longest} has {len(longest)} letters." in page.text
    assert ("a", "#lengths") in [(tag, found.get("href")) for tag, found in page.tags]
    check_section(SECTIONS["lengths"])


def test_texts_that_a_language_lacks_are_in_english(folder: StudyFolder, lengths: Path) -> None:
    (lengths / "zh.toml").write_text(CHINESE, encoding="utf-8")
    page = Page(write_report(folder, "zh").read_text(encoding="utf-8"))
    assert "名称" in page.text
    assert "Lengths of names" in page.text


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("__init__.py", "names = [", "raise ValueError('no names') #"),
        ("__init__.py", "bars = ", "raise ValueError('no bars') #"),
        ("lengths.html.j2", "model.longest", "model.longest.no_such_thing"),
    ],
)
def test_a_plug_in_that_fails_costs_one_line_and_its_section(
    folder: StudyFolder, lengths: Path, caplog: pytest.LogCaptureFixture, file: str, old: str, new: str
) -> None:
    path = lengths / file
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new))
    page = Page(write_report(folder).read_text(encoding="utf-8"))
    assert [record.getMessage().partition(" is left out")[0] for record in caplog.records] == [
        "report section lengths (throwaway_section)"
    ]
    assert "Ranking" in page.headings
    assert "lengths" not in page.ids


def test_a_section_of_the_harness_that_fails_is_not_left_out(
    folder: StudyFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(SECTIONS["cost"], "build", broken)
    with pytest.raises(ZeroDivisionError):
        write_report(folder)


@pytest.mark.parametrize(
    ("old", "new", "what"),
    [
        ('{{ t("lengths.longest", name=model.longest, n=model.n) }}', "{{ model.longest | safe }}", "as markup"),
        ('id="lengths"', 'id="ranking"', "does not begin with"),
    ],
)
def test_the_contract_finds_a_template_that_breaks_it(lengths: Path, old: str, new: str, what: str) -> None:
    template = lengths / "lengths.html.j2"
    template.write_text(template.read_text().replace(old, new))
    with pytest.raises(AssertionError, match=what):
        check_section(SECTIONS["lengths"])


@pytest.mark.parametrize("name", sorted({section.id for section in in_page_order()} - OF_SPECIAL_STUDIES))
def test_every_section_keeps_the_contract(name: str) -> None:
    check_section(SECTIONS[name])


def test_sections_of_the_harness_are_found_by_their_folders_and_stand_apart() -> None:
    found = in_page_order()
    assert [each.id for each in found] == (
        "answer next ranking stacks search claims predictions why curves modes who cost priorities every_metric "
        "references forest study_checks checks glossary method"
    ).split()
    assert len({each.place for each in found}) == len(found)


def test_the_small_study_has_an_arm_whose_name_is_markup() -> None:
    assert MARKUP in small_study().records
