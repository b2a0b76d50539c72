"""The pages of the interventions as Markdown files and as text for a terminal."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from itertools import groupby
from pathlib import Path

from harness.interventions.base import Intervention
from harness.pages.facts import Page, page_of

PRIORITIES = {"H": "high", "M": "medium", "L": "low", "-": "none given"}
MARK = "<!-- Written by `ftr-study pages`: change the class, not this file. -->"
INDEX = "README.md"
WIDTH = 100

INTRODUCTION = """\
# Interventions

An intervention is one remedy: a pure function on a recipe, with typed parameters, that a study file names by its id.
They answer a diagnosis that the author of FTragrec wrote down when fine-tuning brought nothing: ten suspected problems
and their remedies, here called *the seed*. Family 0 goes beyond it, to what the code does by itself.

Each problem is a claim. A claim may be right and its remedy useless, or the reverse, and a remedy may find nothing to
act on before another has mended the wiring: its page says so, and its example then stands on a base where it acts. A
study tells what helps.

The priority is the seed's own: H high, M medium, L low, – none given. Every page is read off the class and observed by
composing it with all the others; `ftr-study describe ID` prints the same in a terminal.
"""


def index_markdown(pages: Sequence[Page]) -> str:
    """The table of all interventions, by problem, in the order of the pages."""
    parts = [MARK, INTRODUCTION]
    for family, members in groupby(pages, key=lambda page: page.family):
        rows = [
            (f"[`{page.id}`]({page.id}.md)", page.title, page.title_zh, page.section, _priority(page), page.summary)
            for page in members
        ]
        parts.append(f"## {family.number} `{family.name}`: {family.title}")
        parts.append(f"{family.title_zh}. {family.claim}")
        parts.append(_table(("id", "remedy", "the seed's name", "section", "priority", "what it does"), rows))
    return "\n\n".join(_code(part.strip()) for part in parts) + "\n"


def page_markdown(page: Page) -> str:
    """A page as a Markdown file beside the others of its catalogue."""
    section = f"seed {page.section}" if page.section else "beyond the seed"
    facts = [page.title_zh, section, f"priority: {PRIORITIES[page.priority]}"]
    parts = [MARK, f"# `{page.id}`: {page.title}", " · ".join(each for each in facts if each), f"**{page.summary}**"]
    parts += [page.details, "## Why", f"*The problem:* {page.family.claim}" if page.family.claim else ""]
    parts += [f"*The remedy:* {page.why}" if page.why else ""]
    parts += ["## What changes", _changes_table(page)]
    parts += [f"**What must differ:** {page.observable}" if page.observable else ""]
    if page.parameters:
        rows = [(f"`{e.name}`", e.meaning, f"`{e.default}`", e.allowed, e.search or "–") for e in page.parameters]
        parts += ["## Parameters", _table(("name", "meaning", "default", "allowed", "a search explores"), rows)]
    parts += ["## In a study file", f"```yaml\n{page.snippet}\n```", _on_which_base(page), "## In a stack"]
    parts += list(_stacking(page, link=True))
    path = page.module.replace(".", "/") + ".py"
    where = f"Defined as `{page.class_name}` in [{path}](../../{path})."
    parts += ["---", f"Source: {page.source} {where} [All interventions]({INDEX})"]
    return "\n\n".join(_code(part) for part in parts if part) + "\n"


def page_text(page: Page) -> str:
    """A page for a terminal."""
    section = f"seed section {page.section}" if page.section else "beyond the seed"
    lines = [f"{page.id}: {page.title} {page.title_zh}".rstrip(), f"{section}, seed priority {page.priority}", ""]
    for paragraph in (page.summary, *page.details.split("\n\n"), f"Source: {page.source}"):
        lines += _wrapped(paragraph)
    lines += ["", *_wrapped(page.family.claim, label="problem: "), *_wrapped(page.why, label="remedy: ")]
    lines += _wrapped(page.observable, label="must differ: ")
    if page.parameters:
        lines += ["", "parameters:"]
    for each in page.parameters:
        searched = f"; a search explores {each.search}" if each.search else ""
        lines += _wrapped(f"{each.meaning}; {each.allowed}; default {each.default}{searched}", label=f"  {each.name}: ")
    lines += ["", f"changes on base{''.join(f' + {each}' for each in page.base)}:"]
    for change in page.changes:
        became = f"{change.before} becomes {change.after}" if change.before else f"gets {change.after}"
        lines += _wrapped(became, label=f"  writes {change.seam}: ")
    lines += [
        "",
        *_wrapped(_on_which_base(page)),
        *(line for each in _stacking(page, link=False) for part in each.splitlines() for line in _wrapped(part)),
    ]
    lines += ["", "in a study file:", *(f"  {line}" for line in page.snippet.splitlines())]
    return "\n".join(lines)


def list_text(pages: Sequence[Page]) -> str:
    """All interventions for a terminal, by problem: what each is, takes, writes and cannot stand beside."""
    lines: list[str] = []
    for family, members in groupby(pages, key=lambda page: page.family):
        number = "" if family.number is None else f"{family.number} "
        lines += ["", f"{number}{family.name}: {family.title} {family.title_zh}".rstrip()]
        lines += _wrapped(family.claim, label="  ")
        for page in members:
            lines.append(
                f"  {page.id:28} {page.section or '–':5} {_priority(page)}  {page.title} {page.title_zh}".rstrip()
            )
            settings = "; ".join(f"{e.name} = {e.default} ({e.allowed})" for e in page.parameters)
            seams = ", ".join(change.seam for change in page.changes)
            clashes = ", ".join(each.id for each in page.clashes)
            for label, text in (
                ("takes", settings),
                ("writes", seams),
                ("acts on base with", ", ".join(page.base)),
                ("lacks alone", page.missing),
                ("not beside", clashes),
            ):
                lines += _wrapped(text, label=f"      {label} ")
    return "\n".join(lines).lstrip("\n")


def write_pages(folder: Path, catalogue: Sequence[type[Intervention]]) -> list[Path]:
    """Write the page of every intervention and their index; pages of others are removed.

    Returns:
        The files written.
    """
    pages = [page_of(kind) for kind in catalogue]
    texts = {INDEX: index_markdown(pages)} | {f"{page.id}.md": page_markdown(page) for page in pages}
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.glob("*.md"):
        if old.name not in texts:
            old.unlink()
    for name, text in texts.items():
        (folder / name).write_text(text, encoding="utf-8")
    return [folder / name for name in texts]


def _code(text: str) -> str:
    """Code marked as docstrings do, marked as Markdown does; a block of code is left alone."""
    return text if text.startswith("```") else text.replace("``", "`")


def _priority(page: Page) -> str:
    return page.priority.replace("-", "–")


def _on_which_base(page: Page) -> str:
    if not page.base:
        return "" if page.missing else "It acts on FTragrec as found."
    reason = f"On FTragrec as found: {page.as_found} " if page.as_found else ""
    return f"{reason}The example stands on a base where it acts: {' + '.join(page.base)}."


def _stacking(page: Page, *, link: bool) -> Iterator[str]:
    """What it lacks, who brings it, whom it cannot stand beside; a paragraph each."""

    def name(other: str) -> str:
        return f"[`{other}`]({other}.md)" if link else other

    if page.missing:
        yield f"Alone on the base as found it is refused: {page.missing}."
        if page.completed_by:
            yield f"It runs beside any of {', '.join(name(each) for each in page.completed_by)}."
    if page.clashes:
        yield "Not in one arm with:"
        yield "\n".join(f"- {name(each.id)}: {each.reason}" for each in page.clashes)
        yield "Every other remedy of the catalogue may stand beside it; order never matters."
    elif not page.missing:
        yield "No remedy of the catalogue stands in its way; order never matters."


def _changes_table(page: Page) -> str:
    base = " + ".join(["base", *page.base])
    rows = [
        (f"`{e.seam}`", f"`{e.before}`" if e.before else "(gets one more)", f"`{e.after}`", e.about)
        for e in page.changes
    ]
    return _table(("seam", f"in {base}", "becomes", "which is"), rows)


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)


def _wrapped(text: str, label: str = "") -> list[str]:
    """Lines of a paragraph under its label; none for an empty one."""
    if not text:
        return []
    indent = " " * (len(label) - len(label.lstrip()) + 2) if label else ""
    return textwrap.wrap(label + text.replace("``", ""), WIDTH, subsequent_indent=indent, break_long_words=False)
