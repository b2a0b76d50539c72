"""The page of all pages as a browser shows it: on a desk, a phone and paper, light and dark, with its filter."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from reports.output.index.page import write_index
from tests.reports.browser import NEEDS_BROWSER, Watched
from tests.reports.gallery import CHINESE, LONG, MARKUP, UNBROKEN
from tests.reports.output.test_browser import DESK, PAPER, PHONE, TABLES_OFF_PAPER
from tests.reports.output.test_index import at, told

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = [*NEEDS_BROWSER]


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of studies with odd names, in every state, and its pages."""
    folder = tmp_path_factory.mktemp("runs")
    for number, name in enumerate((MARKUP, CHINESE, LONG, UNBROKEN)):
        more = at(f"2026-11-{number + 10}T08:00:00+00:00") | {"follows": "first", "rows": [{"failures": {"0": "x"}}]}
        told(folder, f"odd{number}", report={"study": name, "question": name * 2, "n_finished": number}, manifest=more)
    told(folder, "first", report={"data": "beauty"}, manifest=at("2026-12-01T08:00:00+00:00"))
    told(folder, "later", manifest={})
    (folder / "foreign").mkdir()
    write_index(folder, "zh")
    write_index(folder)
    return folder


@pytest.fixture
def opened(chromium: Browser, pages: Path) -> Iterator[Callable[..., Watched]]:
    """Opens the page; whatever went wrong in it fails the test at its end."""
    tabs: list[Watched] = []

    def of(viewport: dict[str, int], lang: str = "en", **options: Any) -> Watched:
        name = "index.html" if lang == "en" else f"index.{lang}.html"
        tabs.append(Watched(chromium, (pages / name).as_uri(), viewport=viewport, **options))
        return tabs[-1]

    yield of
    assert [trouble for tab in tabs for trouble in tab.troubles] == []
    for tab in tabs:
        tab.page.close()


@pytest.mark.parametrize("lang", ["en", "zh"])
@pytest.mark.parametrize(("view", "scheme"), [(DESK, "light"), (PHONE, "dark")])
def test_nothing_serious_for_who_cannot_see_and_no_scrolling_sideways(
    opened: Callable[..., Watched], view: dict[str, int], scheme: str, lang: str
) -> None:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
    tab = opened(view, lang, color_scheme=scheme)
    found = axe.run(tab.page, options={"resultTypes": ["violations"]}).response["violations"]
    assert [each["id"] for each in found if each["impact"] in ("serious", "critical")] == []
    assert tab.page.evaluate("document.documentElement.scrollWidth") == view["width"]


def test_paper_cuts_nothing(opened: Callable[..., Watched]) -> None:
    tab = opened(PAPER)
    tab.page.emulate_media(media="print")
    assert tab.page.evaluate(TABLES_OFF_PAPER) == []
    assert not tab.page.locator("#filter").is_visible()
    assert tab.page.evaluate("document.documentElement.scrollWidth") == PAPER["width"]


def test_the_filter_keeps_what_has_every_word_and_says_how_many(opened: Callable[..., Watched]) -> None:
    tab = opened(DESK)
    shown = tab.page.locator("#index-table tr.study:visible")
    assert shown.count() == 6
    assert tab.page.locator("#shown").inner_text() == "6 of 6 shown"
    tab.page.get_by_label("Filter").fill("BEAUTY helps")
    assert shown.count() == 1
    assert tab.page.locator("#shown").inner_text() == "1 of 6 shown"
    assert tab.page.locator("tr.data-set:visible").all_inner_texts() == ["beauty"]
    tab.page.get_by_label("Filter").fill("")
    assert shown.count() == 6


def test_links_lead_to_the_study_and_to_the_other_language(opened: Callable[..., Watched], pages: Path) -> None:
    tab = opened(DESK)
    assert [tab.page.locator(f"tr.study a[href='./{name}/report.html']").count() for name in ("first", "odd2")] == [
        1,
        1,
    ]
    tab.page.locator("#odd3").get_by_role("link", name="first").click()
    assert tab.page.evaluate("location.hash") == "#first"
    assert (pages / str(tab.page.locator("a[lang=zh]").first.get_attribute("href"))).exists()
