"""Every text for a reader keeps to plain technical language: phrases, signs and spacing, in each language.

The phrases are in ``voice.toml`` beside this file; later work adds to it.
"""

from __future__ import annotations

import ast
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer.main

from harness.checks.base import Bearing, When
from harness.checks.catalogue import CHECKS, FIGURES, RULES
from harness.checks.families import FAMILIES
from harness.checks.leads import Compares
from harness.cli import app
from harness.interventions import CATALOGUE

ROOT = Path(__file__).parents[2]
PHRASES: dict[str, dict[str, str]] = tomllib.loads(Path(__file__).with_name("voice.toml").read_text(encoding="utf-8"))

CODE = ("harness", "reports")
"""Where strings are written that a terminal or a page shows."""

KEPT = ("harness/backbones", "harness/engine", "harness/recipe/seams")
"""Whose constants are in the keys of records, so that their words cannot change without running everything again."""

NAMES = frozenset({"valid {}", "valid, retrieval {}"})
"""Strings that records and Optuna store under, and no reader's words."""

BEGINS_CHINESE = frozenset({"verdict", "figure", "titles", "lines", "parts", "list"})
"""Places whose value begins in Chinese, so that no space comes before them."""

Text = tuple[str, str]
"""Where a text is from, and the text."""


def leaves(table: dict[str, object], path: str = "") -> Iterator[Text]:
    for key, value in table.items():
        where = f"{path}.{key}" if path else key
        if isinstance(value, dict):
            yield from leaves(value, where)  # pyright: ignore[reportUnknownArgumentType]
        elif isinstance(value, str):
            yield where, value


def locale(lang: str) -> list[Text]:
    """Every fixed text of the pages: all files that are named after the language."""
    found = sorted((ROOT / "reports").rglob(f"{lang}.toml"))
    assert len(found) >= 3
    return [
        (f"{path.relative_to(ROOT)}: {key}", text)
        for path in found
        for key, text in leaves(tomllib.loads(path.read_text(encoding="utf-8")))
    ]


def templates() -> Iterator[Text]:
    """What templates say by themselves, outside of tags and expressions."""
    for path in sorted((ROOT / "reports").rglob("*.j2")):
        source = path.read_text(encoding="utf-8")
        source = re.sub(r"\{\{.*?\}\}|\{%.*?%\}|\{#.*?#\}|<(script|style)\b.*?</\1>", " ", source, flags=re.DOTALL)
        for number, line in enumerate(source.splitlines(), 1):
            said = " ".join(re.sub(r"<[^>]*>?", " ", line).split())
            if said:
                yield f"{path.relative_to(ROOT)}:{number}", said


def evidence() -> Iterator[Text]:
    """Checks, rules, problems and figures."""
    for check in CHECKS.values():
        for part in ("title", "condition", "detected", "why"):
            yield f"{check.code}.{part}", getattr(check, part)
    for rule in RULES.values():
        for part in ("title", "condition", "because"):
            yield f"rule {rule.name}.{part}", getattr(rule, part)
    for family in FAMILIES:
        yield from ((f"problem {family.name}", family.title), (f"claim {family.name}", family.claim))
    yield from ((f"figure {figure.name}", figure.meaning) for figure in FIGURES.values())
    yield from (
        (f"{type(each).__name__}.{each.name}", each.value) for kind in (Bearing, When, Compares) for each in kind
    )
    for remedy in CATALOGUE:
        for part in ("title", "why", "observable", "as_published"):
            yield f"remedy {remedy.id}.{part}", getattr(remedy, part)


def command_help() -> Iterator[Text]:
    """Help of every command, argument and option."""
    waiting: list[Any] = [typer.main.get_command(app)]
    while waiting:
        command = waiting.pop()
        yield f"help of {command.name}", command.help or ""
        for param in command.params:
            default = getattr(param, "show_default", None)
            said = f"{getattr(param, 'help', None) or ''} {default if isinstance(default, str) else ''}"
            yield f"help of {command.name} {param.name}", said.strip()
        waiting += getattr(command, "commands", {}).values()


def terminal() -> Iterator[Text]:
    """Strings of the code, docstrings apart, each f-string as one text."""
    for path in (path for name in CODE for path in sorted((ROOT / name).rglob("*.py"))):
        if not path.relative_to(ROOT).as_posix().startswith(KEPT):
            yield from ((where, text) for where, text in strings(path) if " " in text.strip())


def strings(path: Path) -> Iterator[Text]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    silent = {
        id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    }
    joined = [node for node in ast.walk(tree) if isinstance(node, ast.JoinedStr)]
    silent |= {id(part) for node in joined for part in ast.walk(node) if part is not node}
    for node in ast.walk(tree):
        where = f"{path.relative_to(ROOT)}:{getattr(node, 'lineno', 0)}"
        if isinstance(node, ast.JoinedStr):
            parts = (part.value if isinstance(part, ast.Constant) else "{}" for part in node.values)
            text = "".join(map(str, parts))
            if text not in NAMES:
                yield where, text
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in silent:
            yield where, node.value


def questions() -> Iterator[Text]:
    """Titles of pages: the question of every study file."""
    for path in sorted((ROOT / "studies").glob("*.yaml")):
        yield from ((path.name, line) for line in path.read_text(encoding="utf-8").splitlines() if "question:" in line)


ENGLISH = {
    "locale": lambda: locale("en"),
    "templates": lambda: list(templates()),
    "evidence": lambda: list(evidence()),
    "help": lambda: list(command_help()),
    "terminal": lambda: list(terminal()),
    "studies": lambda: list(questions()),
}


def offences(texts: list[Text], phrases: dict[str, str]) -> list[str]:
    return [
        f"{where}: {found[0]!r} in {text!r}; say: {instead}"
        for where, text in texts
        for pattern, instead in phrases.items()
        if (found := re.search(pattern, text, re.IGNORECASE))
    ]


@pytest.mark.parametrize("source", ENGLISH)
def test_no_english_text_has_a_phrase_that_reads_as_translated(source: str) -> None:
    texts = ENGLISH[source]()
    assert len(texts) > (0 if source == "templates" else 20)
    assert offences(texts, PHRASES["en"]) == []


def test_no_chinese_text_has_a_phrase_that_reads_as_translated() -> None:
    assert offences(locale("zh"), PHRASES["zh"]) == []


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_every_phrase_of_the_list_can_be_found(lang: str) -> None:
    for pattern in PHRASES[lang]:
        re.compile(pattern)
    shown = "On valid nothing is to be seen of it as found, give or take" if lang == "en" else "先知什么也没说"
    assert len(offences([("here", shown)], PHRASES[lang])) >= 2


SIGNS = {
    r"(?<![\w}{+/.-])-\d": "a minus is \u2212",
    "\u2014|\u2015|--(?![a-z])": "no long dash",
    r"(?<![\d}])\u2013(?=.)|(?<=.)\u2013(?![\d{])": "an en dash joins the ends of a range",
    r"\S  +\S": "one space",
    r"\s$|^\s": "no space at the ends",
    r" [,;:.!?](\s|$)": "no space before a stop",
}


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_signs_and_spaces_are_set_alike(lang: str) -> None:
    own = locale(lang) + (list(evidence()) if lang == "en" else [])
    texts = [(where, text) for where, text in own if ": list." not in where and len(text) > 1]
    assert offences(texts, SIGNS) == []


CHINESE = {
    r"[\u4e00-\u9fff][A-Za-z0-9]|[A-Za-z0-9%][\u4e00-\u9fff]": "a space between Chinese and Latin",
    r"[\u4e00-\u9fff][,;:?!()]|[,;:?!()][\u4e00-\u9fff]|[\u4e00-\u9fff]\.(?!\w)": "full-width punctuation",
    r"[，。；：？！、（）“”] | [，。；：？！、（）“”]": "no space beside full-width punctuation",
    r'[\u4e00-\u9fff]["\']|["\'][\u4e00-\u9fff]': "Chinese quotation marks",
}


def test_chinese_is_set_as_chinese_in_every_file() -> None:
    texts = [(where, text) for where, text in locale("zh") if ": list." not in where]
    assert offences(texts, CHINESE) == []
    close = [
        f"{where}: {text}"
        for where, text in texts
        for name in re.findall(r"[\u4e00-\u9fff]\{([\w.]+)", text)
        if name not in BEGINS_CHINESE
    ]
    assert close == []
