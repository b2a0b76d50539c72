"""A comparison, and a report in Chinese, as a browser shows them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from reports.locale import languages
from reports.output.comparison.page import write_comparison
from reports.output.files import write_report
from tests.reports import gallery, worlds
from tests.reports.browser import NEEDS_BROWSER, Watched
from tests.reports.output.test_browser import (
    DESK,
    FIGURES_OFF_PAPER,
    PAPER,
    PHONE,
    TABLES_OFF_PAPER,
    order,
    shown,
    unfold,
)
from tests.reports.worlds import Arm

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = [*NEEDS_BROWSER]


@pytest.fixture(scope="module")
def addresses(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], str]:
    """Address of a page by what it is and its language, written once."""
    root = tmp_path_factory.mktemp("runs")
    odd = {gallery.MARKUP: Arm(shift=0.1), gallery.UNBROKEN: Arm(), gallery.CHINESE: Arm(shift=-0.3)}
    first = worlds.study(root / "one", {**worlds.FOUR, **odd}, n_users=200)
    second = worlds.study(root / "two", {**worlds.FOUR, **odd, "js": Arm(shift=0.3)}, n_users=260, seed=1)
    manifest = second.manifest()
    second.write_manifest(replace(manifest, data={**manifest.data, "name": "beauty", "fingerprint": "0123456789ab"}))
    pages: dict[str, str] = {}

    def of(name: str) -> str:
        if name not in pages:
            what, lang = name.split()
            if what == "compare":
                pages[name] = write_comparison(first.path, second.path, root / lang, lang).as_uri()
            else:
                pages[name] = write_report(second, lang).as_uri()
        return pages[name]

    return of


PAGES = [
    "compare en",
    *(
        pytest.param(f"{what} {lang}", marks=pytest.mark.slow)
        for lang in languages()
        if lang != "en"
        for what in ("compare", "report")
    ),
]


@pytest.mark.slow
@pytest.mark.parametrize("name", PAGES)
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_serious_and_nothing_wrong(
    chromium: Browser, addresses: Callable[[str], str], name: str, scheme: str
) -> None:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
    viewport = DESK if scheme == "light" else PHONE
    tab = Watched(chromium, addresses(name), viewport=viewport, color_scheme=scheme)
    unfold(tab)
    found = axe.run(tab.page, options={"resultTypes": ["violations"]}).response["violations"]
    serious = [f"{each['id']}: {each['nodes'][0]['html'][:160]}" for each in found if each["impact"] != "minor"]
    assert serious == []
    assert tab.page.evaluate("document.documentElement.scrollWidth") == viewport["width"]
    assert tab.troubles == []
    tab.page.close()


@pytest.mark.parametrize("name", PAGES)
def test_paper_cuts_nothing(chromium: Browser, addresses: Callable[[str], str], name: str, tmp_path: Path) -> None:
    tab = Watched(chromium, addresses(name), viewport=PAPER)
    tab.page.emulate_media(media="print")
    assert tab.page.evaluate(TABLES_OFF_PAPER) == []
    assert tab.page.evaluate(FIGURES_OFF_PAPER) == 0
    tab.page.pdf(path=tmp_path / "page.pdf", prefer_css_page_size=True)
    assert tab.troubles == []
    tab.page.close()


def test_the_arms_of_a_comparison_sort_by_their_difference(chromium: Browser, addresses: Callable[[str], str]) -> None:
    tab = Watched(chromium, addresses("compare en"), viewport=DESK)
    before = order(tab, "arms-table")
    tab.page.locator("#arms-table th[data-sort=effect_difference] button").focus()
    tab.page.keyboard.press("Enter")
    values = [float(value) for value in shown(tab, "effect_difference", "arms-table") if value]
    assert values == sorted(values, reverse=True)
    assert order(tab, "arms-table") != before
    tab.page.close()
