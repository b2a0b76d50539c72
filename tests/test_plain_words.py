"""Pages and messages in plain words: short lines and cells, links and commands that exist, no translated turns."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer

from harness.cli import app

ROOT = Path(__file__).parents[1]
PAGES = (
    *(
        f"docs/{name}.md"
        for name in (
            "architecture",
            "audit",
            "backbones",
            "base_that_learns",
            "dependencies",
            "metrics",
            "protocol",
            "references",
            "retrieval",
            "scale",
            "seeds",
            "statistics",
        )
    ),
    "benchmarks/README.md",
)
GENERATED = "<!-- results: written by"
"""Where a page goes on with what a benchmark wrote."""

ROOMS = ("cli", "runner", "modes", "study", "contracts")
TRANSLATED = re.compile(
    r"(?<!there )\bis no (?!longer)|(?<!there )\bis none\b|\bare none\b|\bnothing is (?:to be|an?)\b|"
    r"\bon valid\b|\bis had\b|\bfor who\b|\bas found\b|\bnobody\b|\bstands\b|"
    r"\b(?:seed|user|item|cell|line|arm) a (?:seed|user|item|cell|line|setting)\b"
)


def written(page: str) -> str:
    """What a person wrote of a page."""
    return (ROOT / page).read_text(encoding="utf-8").partition(GENERATED)[0]


def messages(path: Path) -> Iterator[str]:
    """Texts of a file that a person may read: its strings of several words, but for docstrings."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    silent = {node.value for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and node not in silent and " " in node.value:
            yield node.value


def commands(group: typer.Typer = app) -> set[str]:
    """Names of the commands and groups of the command line."""
    shown = typer.main.get_command(group)
    return set(getattr(shown, "commands", {}))


@pytest.mark.parametrize("page", PAGES)
def test_a_page_is_short_and_its_tables_hold_values(page: str) -> None:
    lines = written(page).splitlines()
    assert len(lines) <= 300
    for number, line in enumerate(lines, start=1):
        if line.startswith("|"):
            long = [cell for cell in line.strip("|").split(" | ") if len(cell.split()) > 20]
            assert not long, f"{page}:{number}: {long}"
        else:
            assert len(line) <= 120, f"{page}:{number}"


@pytest.mark.parametrize("page", PAGES)
def test_links_and_commands_of_a_page_exist(page: str) -> None:
    text = written(page)
    for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", text):
        assert (ROOT / page).parent.joinpath(target).exists(), target
    assert set(re.findall(r"ftr-study ([a-z][a-z-]*)\b", text)) <= commands()
    for study in re.findall(r"`?((?:studies|examples)/[\w/]+\.(?:yaml|py))`?", text):
        assert (ROOT / study).exists(), study


@pytest.mark.parametrize("page", PAGES)
def test_a_page_has_no_translated_turns(page: str) -> None:
    assert not TRANSLATED.findall(written(page))


@pytest.mark.parametrize("room", ROOMS)
def test_messages_have_no_translated_turns(room: str) -> None:
    found = [
        f"{path.name}: {text}"
        for path in sorted((ROOT / "harness" / room).rglob("*.py"))
        for text in messages(path)
        if TRANSLATED.search(text)
    ]
    assert not found


def test_how_the_report_decides_begins_with_what_a_verdict_means() -> None:
    headings = [line for line in written("docs/statistics.md").splitlines() if line.startswith("## ")]
    assert headings[0] == "## What a verdict means"
