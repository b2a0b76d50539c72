"""Figures as a browser shows them and gives them away: labels that stand clear, files that stand alone."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING
from xml.etree import ElementTree

import pytest

from reports.output.comparison.page import write_comparison
from reports.output.diagnosis.page import write_diagnosis
from reports.output.files import write_report
from tests.reports import gallery
from tests.reports.browser import NEEDS_BROWSER, Watched
from tests.reports.drawing.test_labels import NAMES
from tests.reports.output.test_browser import DESK, PHONE
from tests.reports.sections.test_search_page import folder_of
from tests.reports.worlds import Arm, study

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Locator, Page

pytestmark = [*NEEDS_BROWSER]

KINDS = ("csv", "svg", "pdf")

TROUBLES = """() => {
  for (const part of document.querySelectorAll("details")) part.open = true;
  const found = [];
  for (const svg of document.querySelectorAll(".plot svg")) {
    if (!svg.checkVisibility()) continue;
    const frame = svg.getBoundingClientRect(), id = svg.querySelector("[id]").id;
    const boxes = [...svg.querySelectorAll("text")]
      .map((text) => [text.textContent, text.getBoundingClientRect()])
      .filter(([said, box]) => said.trim() && box.width);
    found.push(...boxes.flatMap(([said, a], place) => {
      const out = a.left < frame.left - 1 || a.right > frame.right + 1 || a.top < frame.top - 1
        || a.bottom > frame.bottom + 1;
      const covered = boxes.slice(0, place).filter(([, b]) =>
        Math.min(a.right, b.right) - Math.max(a.left, b.left) > 1
        && Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top) > 1);
      return [...(out ? [`${id}: ${said} leaves`] : []), ...covered.map(([other]) => `${id}: ${said} covers ${other}`)];
    }));
  }
  return found;
}"""

# A name is broken where two letters that follow each other within a word are on different lines.
BROKEN = """() => {
  for (const part of document.querySelectorAll("details")) part.open = true;
  const broken = [];
  for (const cell of document.querySelectorAll("tbody th[scope=row]")) {
    if (!cell.checkVisibility()) continue;
    const walker = document.createTreeWalker(cell, NodeFilter.SHOW_TEXT);
    for (let node = walker.nextNode(); node; node = walker.nextNode()) {
      const said = node.textContent;
      for (const {0: word, index} of said.matchAll(/[A-Za-z0-9]+/g)) {
        const range = document.createRange();
        range.setStart(node, index);
        range.setEnd(node, index + word.length);
        const tops = new Set([...range.getClientRects()].map((box) => Math.round(box.top)));
        const table = cell.closest("table");
        if (tops.size > 1) broken.push(`${table.id || table.className}: ${word} of ${cell.textContent.trim()}`);
      }
    }
  }
  return broken;
}"""


def compared(root: Path) -> Path:
    """Two studies of the same arms, side by side."""
    arms = {name: Arm(shift=0.1) for name in NAMES["long"][:6]}
    for name in ("one", "two"):
        study(root / name, arms, n_users=60)
    return write_comparison(root / "one", root / "two")


def searched(root: Path) -> Path:
    return write_report(folder_of(root / "tuned", search="trials: 12, width: 4, startup: 4, confirm: 3"))


def large(root: Path) -> Path:
    """39 arms with long names, a curve of many epochs."""
    arms = {name: Arm(shift=0.02 * (place % 9 - 4)) for place, name in enumerate(NAMES["long"])}
    return write_report(study(root / "large", arms, n_users=120))


def chinese(root: Path) -> Path:
    return write_report(gallery.diagnosed(root / "diagnosed"), "zh")


def page_of(name: str) -> Callable[[Path], Path]:
    return lambda root: write_report(gallery.GALLERY[name](root / name))


PAGES: dict[str, Callable[[Path], Path]] = {
    **{name: page_of(name) for name in gallery.GALLERY},
    "diagnosis": lambda root: write_diagnosis(gallery.diagnosed(root / "diagnosed")),
    "comparison": compared,
    "search": searched,
    "large": large,
    "chinese": chinese,
}
QUICK = ("diagnosed",)


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], str]:
    """Address of a page, written once."""
    pages: dict[str, str] = {}

    def of(name: str) -> str:
        if name not in pages:
            pages[name] = PAGES[name](tmp_path_factory.mktemp("runs")).as_uri()
        return pages[name]

    return of


@pytest.mark.parametrize("name", [pytest.param(n, marks=() if n in QUICK else pytest.mark.slow) for n in PAGES])
def test_no_label_of_any_figure_covers_another_or_leaves(
    chromium: Browser, address: Callable[[str], str], name: str
) -> None:
    for viewport in (DESK, PHONE):
        tab = Watched(chromium, address(name), viewport=viewport)
        assert tab.page.locator(".plot svg").count()
        assert tab.page.evaluate(TROUBLES) == []
        tab.page.close()


@pytest.mark.parametrize("name", [pytest.param(n, marks=() if n in QUICK else pytest.mark.slow) for n in PAGES])
def test_every_figure_is_one_click_away_in_three_files_that_need_nothing(
    chromium: Browser, address: Callable[[str], str], name: str, tmp_path: Path
) -> None:
    tab = Watched(chromium, address(name), viewport=PHONE, color_scheme="dark")
    page = tab.page
    page.evaluate("for (const part of document.querySelectorAll('details:has(.files)')) part.open = true")
    drawings = page.locator(".drawn")
    assert drawings.count() == page.locator(".drawn:has(.plot svg)").count() > 0
    for drawing in drawings.all():
        links = drawing.locator(".files a")
        assert links.all_inner_texts() == [kind.upper() for kind in KINDS]
        files = {kind: saved(page, link, tmp_path) for link, kind in zip(links.all(), KINDS, strict=True)}
        assert {kind: file.suffix for kind, file in files.items()} == {kind: f".{kind}" for kind in KINDS}
        assert files["pdf"].read_bytes().startswith(b"%PDF-")
        alone(chromium, files["svg"], drawing.locator(".wide svg, .panel svg").count())
    assert tab.troubles == []
    page.close()


def saved(page: Page, link: Locator, folder: Path) -> Path:
    """What a click on a link downloads."""
    with page.expect_download() as download:
        link.click()
    file = folder / download.value.suggested_filename
    download.value.save_as(file)
    return file


def alone(chromium: Browser, file: Path, n_panels: int) -> None:
    """An SVG file holds every panel, in the colours of the light page, and shows them without anything else."""
    text = file.read_text(encoding="utf-8")
    root = ElementTree.fromstring(text)
    assert len(root.findall("{http://www.w3.org/2000/svg}svg")) == n_panels
    assert "var(" not in text
    assert not re.search(r"(?:fill|stroke): *(?:;|\")", text)
    ids = re.findall(r'\bid="([^"]*)"', text)
    assert len(set(ids)) == len(ids)
    assert set(re.findall(r"(?:href=\"|url\()#([^\")]*)", text)) <= set(ids)
    shown = Watched(chromium, file.as_uri(), viewport=DESK)
    sizes = shown.page.evaluate(
        """() => [...document.querySelectorAll("svg > svg")].map((svg) => {
          const {width, height} = svg.getBoundingClientRect();
          return [width, height, svg.querySelectorAll("text").length];
        })"""
    )
    assert all(width > 50 and height > 20 and texts for width, height, texts in sizes)
    assert shown.troubles == []
    shown.page.close()


@pytest.mark.slow
def test_without_its_script_a_page_offers_what_it_holds(chromium: Browser, address: Callable[[str], str]) -> None:
    tab = Watched(chromium, address("diagnosed"), viewport=DESK, java_script_enabled=False)
    assert set(tab.page.locator(".files a:not([hidden])").all_text_contents()) == {"CSV", "PDF"}
    tab.page.close()


@pytest.mark.slow
@pytest.mark.parametrize("name", ["four", "many", "factorial", "search", "large", "diagnosis", "comparison"])
def test_on_a_phone_no_name_in_a_table_breaks_within_a_word(
    chromium: Browser, address: Callable[[str], str], name: str
) -> None:
    tab = Watched(chromium, address(name), viewport=PHONE)
    assert tab.page.evaluate(BROKEN) == []
    tab.page.close()
