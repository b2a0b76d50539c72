"""A report in Chromium: opened without a network, watched for errors, measured."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

PATHS = ("/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome")


def reason_not_to_run() -> str:
    """Why no page can be opened here; empty where one can."""
    if importlib.util.find_spec("playwright") is None:
        return "playwright is not installed"
    return "" if any(Path(path).exists() for path in PATHS) else "no Chromium on this machine"


NEEDS_BROWSER = (
    pytest.mark.browser,
    pytest.mark.skipif(bool(reason_not_to_run()), reason=reason_not_to_run() or "a browser is there"),
)
"""Marks of tests that open a page."""


@contextmanager
def chromium() -> Iterator[Browser]:
    """Chromium without a window, closed at the end."""
    from playwright.sync_api import sync_playwright

    path = next(path for path in PATHS if Path(path).exists())
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=path, args=["--no-sandbox"])
        try:
            yield browser
        finally:
            browser.close()


class Watched:
    """A tab that remembers whatever went wrong in it.

    Attributes:
        page: the tab.
        troubles: console messages, errors of the page and requests for anything but the page itself.
    """

    def __init__(self, browser: Browser, address: str, **options: Any) -> None:
        self.troubles: list[str] = []
        self.page: Page = browser.new_page(**options)
        self.page.on("console", lambda message: self.troubles.append(f"console: {message.text}"))
        self.page.on("pageerror", lambda error: self.troubles.append(f"error: {error}"))
        self.page.on("request", lambda request: self._asked(request.url, address))
        self.page.goto(address)

    def _asked(self, url: str, address: str) -> None:
        if url.partition("#")[0] != address and not url.startswith("data:"):
            self.troubles.append(f"request: {url}")
