"""The page of a table of ranks in Chromium: no error, no request, no sideways scrolling, by day and by night."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import reports
from tests.reports.browser import NEEDS_BROWSER, Watched, chromium
from tests.reports.rankings import SHIFTS, described, table

pytestmark = [
    pytest.mark.slow,
    *NEEDS_BROWSER,
]


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_the_page_opens_at_every_width(tmp_path: Path, lang: str) -> None:
    given = described(table({**SHIFTS, "a/a": 0.0, "an arm with a very long name of many words": 0.1}))
    page = reports.from_ranks(given, baseline="plain", lang=lang).save(tmp_path / "out")
    schemes: list[Any] = ["light", "dark"]
    with chromium() as browser:
        for width in (1280, 390):
            for scheme in schemes:
                options: dict[str, Any] = {"viewport": {"width": width, "height": 900}, "color_scheme": scheme}
                watched = Watched(browser, page.as_uri(), **options)
                assert watched.page.evaluate("document.documentElement.scrollWidth") <= width
                if width > 390:  # a phone shows each row as a card, without the heads
                    watched.page.click("#ranking-table th[data-sort=effect] button")
                assert watched.page.locator("#ranking-table tbody tr").count() == 5
                assert watched.page.locator("section").count() == 7
                assert watched.troubles == []
