"""The site is built without a warning, asks for nothing from a network, and its search works on files."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.reports.browser import NEEDS_BROWSER
from website.links import ROOT

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = pytest.mark.slow


def build(*options: str, site: Path) -> subprocess.CompletedProcess[str]:
    pytest.importorskip("mkdocs", reason="needs the extra docs")
    command = [sys.executable, "-m", "mkdocs", "build", "--site-dir", str(site), *options]
    quiet = os.environ | {"NO_MKDOCS_2_WARNING": "1"}
    return subprocess.run(command, cwd=ROOT, env=quiet, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    done = build(site=folder)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "WARNING" not in done.stderr
    return folder


def test_no_page_asks_for_a_script_a_style_a_font_or_an_image_of_another_site(site: Path) -> None:
    asked = re.compile(r"""<(?:script|link|img|iframe)\b[^>]*\b(?:src|href)=["']?(https?:[^"' >]+)""")
    pages = sorted(site.rglob("*.html"))
    assert len(pages) > 40
    assert not [found for page in pages for found in asked.findall(page.read_text(encoding="utf-8"))]


def test_files_outside_the_documentation_are_carried_and_their_links_lead_there(site: Path) -> None:
    start = (site / "index.html").read_text(encoding="utf-8")
    assert 'href="repository/examples/plugin/index.html"' in start
    assert 'href="../../../plugins.html"' in (site / "repository/examples/plugin/index.html").read_text("utf-8")
    assert "kl_direction" in (site / "repository" / "index.html").read_text(encoding="utf-8")


def test_the_diagram_is_shown_as_its_text_with_a_word_on_why(site: Path) -> None:
    page = (site / "architecture.html").read_text(encoding="utf-8")
    assert "GitHub draws this diagram" in page
    assert 'class="mermaid"' not in page


def site_of(folder: Path, link: str) -> subprocess.CompletedProcess[str]:
    """Build a site of two pages, whose index has a link."""
    shutil.copytree(ROOT / "website", folder / "website")
    shutil.copy(ROOT / "mkdocs.yml", folder)
    (folder / "docs").mkdir()
    (folder / "docs" / "README.md").write_text(f"# A\n\n{link}\n\n## Start\n\n- [B](data.md)\n", encoding="utf-8")
    (folder / "docs" / "data.md").write_text("# B\n", encoding="utf-8")
    (folder / "study.yaml").write_text("name: mine\n", encoding="utf-8")
    return build("--config-file", str(folder / "mkdocs.yml"), site=folder / "site")


@pytest.mark.parametrize("wrong", ["gone.md", "data.md#gone", "../gone.yaml", "/data.md"])
def test_a_broken_link_or_anchor_fails_the_build(wrong: str, tmp_path: Path) -> None:
    done = site_of(tmp_path, f"[a]({wrong})")
    assert done.returncode == 1
    assert wrong in done.stderr


@pytest.mark.parametrize("right", ["data.md#b", "../study.yaml"])
def test_a_link_that_leads_somewhere_does_not(right: str, tmp_path: Path) -> None:
    done = site_of(tmp_path, f"[a]({right})")
    assert done.returncode == 0, done.stderr


@NEEDS_BROWSER[0]
@NEEDS_BROWSER[1]
def test_the_search_finds_a_page_from_a_file_and_nothing_leaves_the_machine(chromium: Browser, site: Path) -> None:
    tab = chromium.new_page()
    asked: list[str] = []
    faults: list[str] = []
    tab.on("request", lambda request: asked.append(request.url))
    tab.on("pageerror", lambda error: faults.append(str(error)))
    for name in ("index", "architecture", "repository/examples/plugin/index"):
        tab.goto((site / f"{name}.html").as_uri())
        tab.fill("input.md-search__input", "sampled softmax")
        tab.wait_for_selector(".md-search-result__link")
    assert not faults
    assert not [url for url in asked if not url.startswith("file:")]
    tab.close()
