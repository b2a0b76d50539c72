"""The Markdown page of the rules of the next study."""

from __future__ import annotations

import re

from harness.checks.catalogue import check_of
from harness.checks.places import Kind, Place, place_of
from harness.words import folded, within_a_sentence
from reports.next.catalogue import NEXT_RULES
from reports.next.rule import NextRule

PAGE = Kind.NEXT_RULE.index.page

_HEAD = """<!-- Written by `ftr-study pages`: change the rule, not this file. -->

# Rules of the next study

`ftr-study next runs/NAME` writes one study file: the first rule of this table that proposes a study writes it.

```bash
ftr-study next runs/NAME | ftr-study run -
```

| | rule | what it does |
| --- | --- | --- |
"""

_FOOT = f"""
The study file has a key `follows`: the study that it comes from, and what the rule expects of each arm. The report of
the new study compares each expectation with the outcome, in its section on predictions.
What each remedy should do is predicted by the [rules of the evidence]({Kind.RULE.index.seen_from(PAGE)}).
"""


def texts() -> dict[str, str]:
    """Markdown by the path of its page below ``docs``."""
    places = [place_of(Kind.NEXT_RULE, rule.name).seen_from(PAGE) for rule in NEXT_RULES]
    rows = "".join(
        f"| {number} | [`{rule.name}`]({place}) | {within_a_sentence(rule.title)} |\n"
        for number, (rule, place) in enumerate(zip(NEXT_RULES, places, strict=True), start=1)
    )
    return {PAGE: folded(_HEAD + rows + _FOOT + "".join(map(_section, NEXT_RULES)))}


def _section(rule: NextRule) -> str:
    heading = place_of(Kind.NEXT_RULE, rule.name).heading(f"`{rule.name}`: {rule.title}")
    return f"\n{heading}\n\n*When:* {_linked(rule.when)}\n\n*Expects:* {_linked(rule.expects)}\n"


def _linked(text: str) -> str:
    """The text with a link for each check and each page that it names."""
    return re.sub(r"FTR\d+|\b\w+\.md\b", lambda found: f"[{found[0]}]({_place(found[0]).seen_from(PAGE)})", text)


def _place(name: str) -> Place:
    """The place of a check or of a page."""
    if name.endswith(".md"):
        return Place(page=name)
    return place_of(Kind.CHECK, name, check_of(name).claim)
