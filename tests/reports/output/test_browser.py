"""Reports as a browser shows them: on a desk, a phone and paper, light and dark, by mouse and by keyboard."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from reports.output.diagnosis.page import write_diagnosis
from reports.output.files import write_report
from tests.reports import gallery
from tests.reports.browser import NEEDS_BROWSER, Watched

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = [*NEEDS_BROWSER]

DESK = {"width": 1280, "height": 900}
PHONE = {"width": 390, "height": 844}
PAPER = {"width": 1016, "height": 687}
"""What fits on A4 on its side within the margins of the page's own style, at 96 dots an inch."""

QUICK = ("four", "names", "diagnosed", "diagnosis")
STUDIES = [
    pytest.param(name, marks=() if name in QUICK else pytest.mark.slow) for name in (*gallery.GALLERY, "diagnosis")
]

TABLES_OFF_PAPER = """() => [...document.querySelectorAll("table")].flatMap((table) => {
  if (!table.checkVisibility()) return [];
  const name = table.id || table.className;
  const wide = table.getBoundingClientRect().right > innerWidth + 1 ? [`${name} is too wide`] : [];
  for (let box = table.parentElement; box; box = box.parentElement) {
    const {overflowX, overflowY} = getComputedStyle(box);
    if (box !== document.documentElement && (overflowX !== "visible" || overflowY !== "visible"))
      wide.push(`${name} is cut by ${box.tagName}.${box.className}`);
  }
  const rows = [...table.rows].filter((row) => row.checkVisibility());
  if (rows.some((row) => getComputedStyle(row).breakInside !== "avoid")) wide.push(`${name}: rows may break`);
  if (rows.some((row) => row.getBoundingClientRect().height > innerHeight)) wide.push(`${name}: higher than a page`);
  if ([...table.tHead.querySelectorAll("button")].some((button) => getComputedStyle(button).display !== "contents"))
    wide.push(`${name}: Chromium repeats a head without its buttons`);
  if (getComputedStyle(table.tHead).display !== "table-header-group") wide.push(`${name}: head is not repeated`);
  return wide;
})"""

FIGURES_OFF_PAPER = """() => [...document.querySelectorAll("figure svg")].filter((svg) => {
  const {height, right} = svg.getBoundingClientRect();
  return svg.checkVisibility() && (height > innerHeight || right > innerWidth + 1);
}).length"""


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], str]:
    """Address of a study's page, rendered once."""
    pages: dict[str, str] = {}

    def of(name: str) -> str:
        if name not in pages:
            write = write_diagnosis if name == "diagnosis" else write_report
            study = gallery.diagnosed if name == "diagnosis" else gallery.GALLERY[name]
            pages[name] = write(study(tmp_path_factory.mktemp("runs") / name)).as_uri()
        return pages[name]

    return of


@pytest.fixture
def opened(chromium: Browser, address: Callable[[str], str]) -> Iterator[Callable[..., Watched]]:
    """Opens a study's page; whatever went wrong in it fails the test at its end."""
    tabs: list[Watched] = []

    def of(name: str, viewport: dict[str, int], **options: Any) -> Watched:
        tabs.append(Watched(chromium, address(name), viewport=viewport, **options))
        return tabs[-1]

    yield of
    troubles = [trouble for tab in tabs for trouble in tab.troubles]
    for tab in tabs:
        tab.page.close()
    assert troubles == []


def unfold(tab: Watched) -> None:
    tab.page.evaluate("for (const part of document.querySelectorAll('details')) part.open = true")


def order(tab: Watched, table: str = "ranking-table", field: str = "name") -> list[str]:
    rows = tab.page.locator(f"#{table} tbody tr:not([hidden])")
    return rows.evaluate_all(f"rows => rows.map((row) => row.dataset.{field})")


def shown(tab: Watched, column: str, table: str = "ranking-table") -> list[str]:
    """Values by which a column is sorted, in the order of the rows."""
    return tab.page.evaluate(
        """([table, column]) => {
          const found = document.getElementById(table);
          const at = [...found.tHead.rows[0].cells].findIndex((head) => head.dataset.sort === column);
          return [...found.tBodies[0].rows].map((row) => row.cells[at].dataset.value);
        }""",
        [table, column],
    )


@pytest.mark.parametrize("name", STUDIES)
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_serious_for_who_cannot_see_or_use_a_mouse(
    opened: Callable[..., Watched], name: str, scheme: str
) -> None:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
    tab = opened(name, DESK if scheme == "light" else PHONE, color_scheme=scheme)
    unfold(tab)
    found = axe.run(tab.page, options={"resultTypes": ["violations"]}).response["violations"]
    serious = [
        f"{each['id']}: {node['html'][:160]} ({node['failureSummary']})"
        for each in found
        if each["impact"] in ("serious", "critical")
        for node in each["nodes"][:3]
    ]
    assert serious == []


@pytest.mark.parametrize("name", STUDIES)
def test_a_phone_scrolls_down_only(opened: Callable[..., Watched], name: str) -> None:
    tab = opened(name, PHONE)
    unfold(tab)
    assert tab.page.evaluate("document.documentElement.scrollWidth") == PHONE["width"]
    tab.page.mouse.wheel(300, 0)
    assert tab.page.evaluate("scrollX") == 0


@pytest.mark.parametrize("name", STUDIES)
def test_paper_cuts_no_table_and_no_figure(opened: Callable[..., Watched], name: str, tmp_path: Path) -> None:
    tab = opened(name, PAPER)
    tab.page.emulate_media(media="print")
    tab.page.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert tab.page.evaluate(TABLES_OFF_PAPER) == []
    assert tab.page.evaluate(FIGURES_OFF_PAPER) == 0
    assert tab.page.evaluate("document.documentElement.scrollWidth") == PAPER["width"]
    tab.page.pdf(path=tmp_path / "report.pdf", prefer_css_page_size=True)
    assert b"%%EOF" in (tmp_path / "report.pdf").read_bytes()[-8:]


@pytest.mark.parametrize("by", ["mouse", "keyboard"])
def test_the_ranking_sorts_both_ways_with_empty_cells_last(opened: Callable[..., Watched], by: str) -> None:
    tab = opened("four", DESK)

    def sort(column: str, direction: str) -> list[str]:
        head = tab.page.locator(f"#ranking-table th[data-sort={column}]")
        if by == "mouse":
            head.locator("button").click()
        else:
            head.locator("button").focus()
            tab.page.keyboard.press("Enter")
        assert head.get_attribute("aria-sort") == direction
        assert tab.page.locator("#ranking-table th[aria-sort]").count() == 1
        return shown(tab, column)

    for column, first, second in (("effect", "descending", "ascending"), ("p_worthwhile", "descending", "ascending")):
        for direction in (first, second):
            values = sort(column, direction)
            known = [float(value) for value in values if value]
            assert known == sorted(known, reverse=direction == "descending")
            assert values[len(known) :] == [""] * (len(values) - len(known))
    assert sort("p_worthwhile", "descending").count("") > 0
    names = sort("arm", "ascending")
    assert names == sorted(names, key=str.casefold)


@pytest.mark.parametrize("by", ["mouse", "keyboard"])
def test_the_ranking_filters_by_family_and_verdict_and_says_how_many_are_left(
    opened: Callable[..., Watched], by: str
) -> None:
    tab = opened("many", DESK)
    every = order(tab)
    for kind in ("family", "verdict"):
        select = tab.page.locator(f"select[data-filter={kind}]")
        value = select.locator("option").nth(1).evaluate("option => option.value")
        if by == "mouse":
            select.select_option(value)
        else:
            select.focus()
            tab.page.keyboard.press("ArrowDown")
        assert set(order(tab, field=kind)) == {value}
        left = len(order(tab))
        assert 0 < left < len(every)
        assert tab.page.locator(".shown").inner_text().startswith(f"{left} of {len(every)} ")
        if by == "mouse":
            select.select_option("")
        else:
            tab.page.keyboard.press("ArrowUp")
        assert order(tab) == every


def test_the_table_of_metrics_sorts_by_each_metric(opened: Callable[..., Watched]) -> None:
    tab = opened("four", PHONE)
    unfold(tab)
    for metric in ("recall@5", "mrr@10"):
        tab.page.locator(f"#metrics-table th[data-sort='{metric}'] button").click()
        values = [float(value) for value in shown(tab, metric, "metrics-table")]
        assert values == sorted(values, reverse=True)


def test_the_keyboard_reaches_every_control_and_shows_where_it_is(opened: Callable[..., Watched]) -> None:
    tab = opened("four", DESK)
    wanted = tab.page.locator("a[href], button, select, summary, [tabindex='0']").evaluate_all(
        "all => all.filter((each) => each.checkVisibility()).length"
    )
    seen: set[int] = set()
    for _ in range(wanted + 5):
        tab.page.keyboard.press("Tab")
        at, visible = tab.page.evaluate(
            """() => {
              const here = document.activeElement, {outlineStyle, outlineWidth} = getComputedStyle(here);
              const at = [...document.querySelectorAll("*")].indexOf(here);
              return [at, outlineStyle !== "none" && outlineWidth !== "0px"];
            }"""
        )
        if at in seen:
            break
        seen.add(at)
        assert visible or tab.page.evaluate("document.activeElement === document.body")
    assert len(seen) >= wanted


def test_paper_has_the_panels_that_the_screen_folds_away(opened: Callable[..., Watched]) -> None:
    tab = opened("names", PAPER)
    tab.page.evaluate("document.querySelector('details')?.removeAttribute('open')")
    tab.page.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert tab.page.locator("details:not([open], .data)").count() == 0
    tab.page.evaluate("dispatchEvent(new Event('afterprint'))")
    assert tab.page.locator("details.fold[open]").count() == 0


def test_a_link_into_what_is_folded_opens_it(opened: Callable[..., Watched]) -> None:
    tab = opened("diagnosed", DESK)
    for link, fold in (("a[href='#forest']", "forest"), ("#claims a[href^='#check-FTR']", "checks")):
        tab.page.locator(link).first.click()
        tab.page.wait_for_selector(f"details.fold[open] #{fold}")


@pytest.mark.parametrize(("viewport", "most"), [(DESK, 4000), (PHONE, 9000)])
def test_a_study_of_seven_arms_is_read_without_much_scrolling(
    opened: Callable[..., Watched], viewport: dict[str, int], most: int
) -> None:
    tab = opened("diagnosed", viewport)
    assert tab.page.evaluate("document.documentElement.scrollHeight") < most
    before = "document.querySelector('#ranking-table tbody tr:nth-child(3)').getBoundingClientRect().bottom"
    assert tab.page.evaluate(before) < (1600 if viewport is DESK else 2000)


def test_names_are_shown_as_they_are_and_run_nothing(opened: Callable[..., Watched]) -> None:
    tab = opened("names", DESK)
    names = tab.page.locator("#ranking-table .name").all_inner_texts()
    assert {gallery.MARKUP, gallery.CHINESE, gallery.LONG, gallery.UNBROKEN, "=1+1"} < set(names)
    assert tab.page.locator("img").count() == 0
    assert tab.page.locator("script").count() == 1
