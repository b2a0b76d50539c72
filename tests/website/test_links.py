"""Every relative link of every Markdown file leads to a file, and to a heading, of the repository."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from website.links import DOCS, ROOT, anchors, bars_in_tables, four_spaces, replace_targets, resolved, targets

LIST = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "*.md"]
LISTED = subprocess.run(LIST, cwd=ROOT, capture_output=True, text=True, check=True).stdout.split()
PAGES = sorted(each for each in LISTED if not each.startswith(("tests/", "harness/")) and (ROOT / each).exists())


def test_there_are_pages_to_check():
    assert {"README.md", "docs/README.md", "docs/data.md"} <= set(PAGES)


@pytest.mark.parametrize("name", PAGES)
def test_every_relative_link_leads_to_a_file_and_a_heading(name: str) -> None:
    page = ROOT / name
    wrong: list[str] = []
    for target in targets(page.read_text(encoding="utf-8")):
        path = resolved(target, page)
        there = path.is_relative_to(ROOT) and path.exists()
        anchor = target.partition("#")[2]
        if not there or (anchor and path.suffix == ".md" and anchor not in anchors(path.read_text(encoding="utf-8"))):
            wrong.append(target)
    assert not wrong


def test_the_index_lists_every_page_of_the_documentation():
    listed = {resolved(target, DOCS / "README.md") for target in targets((DOCS / "README.md").read_text("utf-8"))}
    assert {*DOCS.glob("*.md"), *DOCS.glob("*/README.md")} - {DOCS / "README.md"} <= listed


def test_links_in_code_and_to_other_sites_are_left_alone():
    text = "[a](b.md#c) `[a](b.md)` [`code`](d.md) ![i](e.png) [x](https://x.org)\n```yaml\n[a](b.md)\n```\n[f](#g)"
    assert targets(text) == ["b.md#c", "d.md", "e.png", "#g"]
    assert replace_targets(text, lambda target: target) == text
    assert "[`code`](D.MD)" in replace_targets(text, str.upper)


def test_a_folder_of_the_documentation_is_found_from_a_page_in_it():
    assert resolved("../gpu.md#what-runs-where", DOCS / "checks" / "README.md") == DOCS / "gpu.md"
    assert resolved("#here", Path("/a/b.md")) == Path("/a/b.md")


@pytest.mark.parametrize(
    ("github", "python_markdown"),
    [
        ("- a\n  - b\n    c\n- d", "- a\n    - b\n        c\n- d"),
        ("1. a\n   - b\n\n   c\n2. d", "1. a\n    - b\n\n    c\n\n2. d"),
        ("text\n- a\n  b\n- c", "text\n\n- a\n    b\n- c"),
        ("- a\n\n  ```sh\n  b\n    - c\n  ```\n\nend", "- a\n\n    ```sh\n    b\n      - c\n    ```\n\nend"),
        ("```\n- a\n  - b\n```", "```\n- a\n  - b\n```"),
        ("    code\n\na - b\n| - | - |", "    code\n\na - b\n| - | - |"),
    ],
)
def test_lists_are_indented_as_the_generator_of_the_site_reads_them(github: str, python_markdown: str) -> None:
    assert four_spaces(github) == python_markdown


def test_headings_have_the_anchors_that_github_gives_them():
    text = '# A page\n## `mode: grid`: what it does\n## A page\n<a id="own"></a>\n```\n# no\n<a id="no"></a>\n```'
    assert anchors(text) == {"a-page", "a-page-1", "mode-grid-what-it-does", "own"}


def test_a_bar_in_code_in_a_table_needs_no_backslash_on_the_site():
    assert bars_in_tables("| `a \\| b` | c \\| d |\n`a \\| b`") == "| `a | b` | c \\| d |\n`a \\| b`"
