"""A page for each rule, and their index, as Markdown files."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import groupby
from pathlib import Path

from harness.checks.base import Expected, Rule
from harness.checks.catalogue import RULES, figure_of
from harness.interventions import CATALOGUE
from harness.pages.checks import INDEX, MARK, table, with_names, write_texts

INTRODUCTION = """\
# Rules

`ftr-study diagnose` turns the figures of the base run into a list of what to try. Each line of it comes from one of
these rules: a condition on figures, with its thresholds written down, and what it predicts of some remedies. A study
that runs them confirms or refutes the prediction, and its report says which.

The list names predicted gains first, the largest at the top, then what should move rankings, then what should be idle
on this base. A rule is silent where one of its figures was not measured.
"""

PREDICTION = {
    Expected.BETTER: "better than base",
    Expected.MOVES: "other rankings than base's, for better or worse",
    Expected.IDLE: "no gain on this base",
}
CONFIRMED = {
    Expected.BETTER: "Confirmed by the verdict *better*; open while *inconclusive*; refuted otherwise.",
    Expected.MOVES: "Confirmed where the rank of any user differs from base's, refuted where none does.",
    Expected.IDLE: (
        "Confirmed by *no effect on ranks*, *equivalent* or *worse*, and by *better* below the smallest effect worth "
        "having; open while *inconclusive*; refuted by *better*."
    ),
}


def index_markdown(rules: Iterable[Rule]) -> str:
    """The table of all rules by what they predict."""
    parts = [MARK, INTRODUCTION.strip()]
    order = tuple(Expected)
    for expected, members in groupby(
        sorted(rules, key=lambda rule: order.index(rule.expected)), key=lambda rule: rule.expected
    ):
        parts += [f"## Predicts {PREDICTION[expected]}", CONFIRMED[expected]]
        rows = [(f"[`{rule.name}`]({rule.name}.md)", rule.title, rule.condition) for rule in members]
        parts.append(table(("rule", "advice", "when"), rows))
    return "\n\n".join(parts) + "\n"


def page_markdown(rule: Rule) -> str:
    """The page of a rule."""
    rows = [(f"`{name}`", each.meaning, each.unit.value) for name in rule.reads for each in (figure_of(name),)]
    parts = [MARK, f"# {rule.title}", f"Rule `{rule.name}` · predicts {PREDICTION[rule.expected]}"]
    parts += ["## When", rule.condition, f"*As reported:* {with_names(rule.because)}", "It reads:"]
    parts += [table(("figure", "meaning", "unit"), rows), "## What it speaks of", "\n".join(_stacks(rule))]
    if rule.gain is not None:
        parts.append("It predicts the size of the gain from the same figures, and fixes the settings that they name.")
    parts += ["## How a study decides", CONFIRMED[rule.expected], "---", f"[All rules]({INDEX})"]
    return "\n\n".join(parts) + "\n"


def texts_of() -> dict[str, str]:
    """File name -> its text."""
    rules = RULES.values()
    return {INDEX: index_markdown(rules)} | {f"{rule.name}.md": page_markdown(rule) for rule in rules}


def write_rule_pages(folder: Path) -> list[Path]:
    """Write the page of every rule and their index; pages of others are removed.

    Returns:
        The files written.
    """
    return write_texts(folder, texts_of())


def _stacks(rule: Rule) -> list[str]:
    titles = {kind.id: kind.title for kind in CATALOGUE}
    lines: list[str] = []
    for stack in rule.stacks(dict.fromkeys(rule.reads, 1.0)):
        named = " + ".join(f"[`{each.id}`](../interventions/{each.id}.md)" for each in stack)
        lines.append(f"- {named}: {', '.join(titles[each.id].lower() for each in stack)}")
    return lines
