"""A page for each check, and their index, as Markdown files."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from harness.checks.base import Check
from harness.checks.catalogue import CHECKS, FIGURES, PARTS, figure_of
from harness.checks.families import Family, family_of
from harness.interventions import CATALOGUE

MARK = "<!-- Written by `ftr-study pages`: change the check or the rule, not this file. -->"
INDEX = "README.md"

INTRODUCTION = """\
# Checks

A diagnosis measures figures in a live run and leaves the run as it is. A check is a question to these figures, with a
threshold that is written down, so that it can be argued with. It answers **issue** or **passed**; **not applicable**
where the question cannot arise in this run or there was nothing to measure on; **not measured** where the figures are
missing; **muted** where a study gives a reason not to ask it. The digits of a code before the last two are the number
of the claim that it bears on, 0 beyond the problem list.

Each check is held by a test to a world or recipe in which its defect is planted and to one in which it is absent.
"""


def index_markdown(checks: Iterable[Check]) -> str:
    """The table of all checks by claim, and that of all figures."""
    parts = [MARK, INTRODUCTION.strip()]
    by_claim: dict[str, list[Check]] = {}
    for check in checks:
        by_claim.setdefault(check.claim, []).append(check)
    for claim, members in by_claim.items():
        family = family_of(claim)
        rows = [(f"[{e.code}]({e.code}.md)", e.title, e.severity.value, e.condition) for e in members]
        parts += [f"## {family.number} `{family.name}`: {family.title}", family.claim]
        parts.append(table(("code", "what is wrong", "severity", "when"), rows))
    parts += ["## Figures", "Words in capitals stand for a part that varies:"]
    parts.append("\n".join(f"- `{word}`: {meaning}" for word, (_, meaning) in PARTS.items()))
    rows = [(f"`{e.name}`", e.meaning, e.unit.value, e.when.value) for e in FIGURES.values()]
    parts.append(table(("figure", "meaning", "unit", "measured at"), rows))
    return "\n\n".join(parts) + "\n"


def page_markdown(check: Check) -> str:
    """The page of a check."""
    family = family_of(check.claim)
    parts = [MARK, f"# {check.code}: {check.title}", f"{check.severity.value} severity · {_claim(family)}"]
    parts += ["## How it is detected", check.condition, f"*As reported:* {with_names(check.detected)}"]
    rows = [(f"`{name}`", e.meaning, e.unit.value, e.when.value) for name in check.reads for e in (figure_of(name),)]
    parts += ["It reads:", table(("figure", "meaning", "unit", "measured at"), rows)]
    parts += ["## Why it matters", check.why, "## How to reduce it", "\n".join(_ways(check))]
    parts += ["---", f"[All checks]({INDEX})"]
    return "\n\n".join(parts) + "\n"


def write_pages(folder: Path) -> list[Path]:
    """Write the page of every check and their index; pages of others are removed.

    Returns:
        The files written.
    """
    return write_texts(folder, texts_of())


def write_texts(folder: Path, texts: Mapping[str, str]) -> list[Path]:
    """Write Markdown files by name, and remove the others of the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.glob("*.md"):
        if old.name not in texts:
            old.unlink()
    for name, text in texts.items():
        (folder / name).write_text(text, encoding="utf-8")
    return [folder / name for name in texts]


def texts_of() -> dict[str, str]:
    """File name -> its text."""
    checks = CHECKS.values()
    return {INDEX: index_markdown(checks)} | {f"{check.code}.md": page_markdown(check) for check in checks}


def _claim(family: Family) -> str:
    title = f"{family.title[0].lower()}{family.title[1:]}"
    return f"claim {family.number}, {title}: {family.claim}" if family.number else f"{title}. {family.claim}"


def with_names(sentence: str) -> str:
    """The sentence with the name of each figure where its value will stand."""
    return re.sub(r"\{([^}:]+)[^}]*\}", r"`\1`", sentence)


def _ways(check: Check) -> Iterator[str]:
    titles = {kind.id: kind.title for kind in CATALOGUE}
    for each in check.reduce:
        yield f"- [`{each}`](../interventions/{each}.md): {titles[each]}"
    if not check.reduce:
        yield "No remedy does; the study file can."


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table in Markdown."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)
