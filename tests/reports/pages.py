"""A rendered report, taken apart."""

from __future__ import annotations

import html.parser
import json
from functools import cache
from typing import Any

from harness.results.folder import StudyFolder
from harness.results.reading import read_frame, whole_frame
from reports.locale import load_catalogue
from reports.output.files import write_report
from reports.sections.assembly import build_report, render_html


class Page(html.parser.HTMLParser):
    """Headings, ids, attributes and table cells of a page; inline drawings are left out."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.headings: list[str] = []
        self.ids: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self._heading = False
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        self.tags.append((tag, found))
        if "id" in found:
            self.ids.append(str(found["id"]))
        if tag in ("h1", "h2"):
            self._heading = True
            self.headings.append("")

    def handle_endtag(self, tag: str) -> None:
        if tag in ("h1", "h2"):
            self._heading = False

    def handle_data(self, data: str) -> None:
        self.text += data
        if self._heading:
            self.headings[-1] += data


def rendered(folder: StudyFolder) -> tuple[Page, dict[str, Any]]:
    page = write_report(folder)
    assert page == folder.path / "report.html"
    return Page(page.read_text(encoding="utf-8")), json.loads((folder.path / "report.json").read_text())


@cache
def _written(folder: StudyFolder) -> tuple[Page, str]:
    page, _ = rendered(folder)
    return page, (folder.path / "report.json").read_text()


def rendered_once(folder: StudyFolder) -> tuple[Page, dict[str, Any]]:
    """:func:`rendered` for tests that only read the page of a study which none of them changes: drawn for the first."""
    page, report = _written(folder)
    return page, json.loads(report)


def reported(folder: StudyFolder) -> dict[str, Any]:
    """What ``report.json`` says of a whole study, for tests that look at no page: nothing is drawn, no file written."""
    return json.loads(build_report(whole_frame(folder), load_catalogue("en")).to_json())


def in_part(folder: StudyFolder) -> tuple[Page, dict[str, Any]]:
    """The page and the report of what is left of a study, for which ``write_report`` refuses to write files."""
    text = load_catalogue("en")
    report = build_report(read_frame(folder), text)
    return Page(render_html(report, text)), json.loads(report.to_json())


def by_name(report: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {row["name"]: row for row in report["rows"]}
