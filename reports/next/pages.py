"""Markdown pages of the rules of the next study, and their index."""

from __future__ import annotations

from reports.next.catalogue import NEXT_RULES
from reports.next.rule import NextRule

FOLDER = "next"
INDEX = "README.md"

_MADE = "<!-- Written by `ftr-study pages`: change the rule, not this file. -->\n\n"

_HEAD = f"""{_MADE}# Rules of the next study

`ftr-study next runs/NAME` writes one study file. The first rule of this table that proposes something writes it.

```bash
ftr-study next runs/NAME | ftr-study run -
```

| | rule | what it does |
| --- | --- | --- |
"""

_FOOT = """
The study file has a key `follows`: the study that it comes from, and what the rule expects of each arm.
The report of the next study compares each expectation with the outcome, in its section on predictions.
The rules of the evidence, which say what each remedy would do, are in [rules](../rules/README.md).
"""


def texts() -> dict[str, str]:
    """Markdown by file name."""
    rows = "".join(
        f"| {place} | [`{rule.name}`]({rule.name}.md) | {_small(rule.title)} |\n"
        for place, rule in enumerate(NEXT_RULES, start=1)
    )
    return {INDEX: _HEAD + rows + _FOOT} | {f"{rule.name}.md": _page(rule) for rule in NEXT_RULES}


def _page(rule: NextRule) -> str:
    place = NEXT_RULES.index(rule) + 1
    return (
        f"{_MADE}# {rule.title}\n\n"
        f"Rule `{rule.name}` of the [next study](README.md), number {place} of {len(NEXT_RULES)}.\n\n"
        f"## When\n\n{_lines(rule.when)}\n\n## What it expects\n\n{_lines(rule.expects)}\n\n"
        f"The report of the study that it writes compares this with the outcome.\n"
    )


def _lines(text: str) -> str:
    """A sentence a line."""
    return text.replace(". ", ".\n")


def _small(title: str) -> str:
    return title[0].lower() + title[1:]
