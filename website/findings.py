"""Pages of findings: text of ``website/findings/`` with every figure read from the kept reports of ``docs/findings/``.

``python -m website.findings`` writes ``docs/findings.md`` and ``docs/findings/*.md``;
``python -m website.findings keep runs/NAME ...`` first keeps the reports of those runs.
"""

from __future__ import annotations

import gzip
import json
import re
import shutil
import sys
import textwrap
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from reports.locale import formats
from website.links import DOCS, ROOT

TEMPLATES = ROOT / "website" / "findings"
KEPT = DOCS / "findings"
REPORT = "report.json.gz"
WRITTEN = "<!-- written by `make pages` from website/findings/{name} and the reports in docs/findings/ -->\n"


class Kept:
    """The kept report of a study.

    Attributes:
        name: of the study.
        rows: name -> row of the ranking, best first.
        references: name -> reference row, base among them.
        base: level of base in the primary metric.
        facts: study, data, run and versions, each a mapping of texts.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.report: dict[str, Any] = json.loads(gzip.decompress((KEPT / name / REPORT).read_bytes()))
        self.rows: dict[str, Any] = {row["name"]: row for row in self.report["rows"]}
        found = self.report.get("references") or {"rows": []}
        self.references: dict[str, Any] = {row["name"]: row for row in found["rows"]}
        self.base: float = self.report["answer"]["base"]
        self.facts = {title: dict(lines) for title, lines in self.report["method"]["facts"].items()}

    def __getitem__(self, arm: str) -> dict[str, Any]:
        return self.rows[arm]

    @property
    def arms(self) -> list[dict[str, Any]]:
        """The rows of the arms that can act, highest level first."""
        return [row for row in self.rows.values() if row["kind"] == "arm" and row["verdict"] != "inapplicable"]

    @property
    def claims(self) -> dict[int, dict[str, Any]]:
        """Number of a claim of the problem list -> what the report says of it."""
        return {card["number"]: card for card in self.report["claims"]["cards"]}

    def count(self, verdict: str) -> int:
        """Return how many arms have that verdict."""
        return len(self.with_verdict(verdict))

    def with_verdict(self, *verdicts: str) -> list[dict[str, Any]]:
        """Return the rows of the arms with one of those verdicts."""
        return [row for row in self.arms if row["verdict"] in verdicts]


def level(row: dict[str, Any], metric: str = "ndcg@10") -> str:
    """Return a row's level on the test set, retrieval on."""
    return formats.number(next(each["on"] for each in row["metrics"] if each["metric"] == metric))


def interval(bounds: tuple[float, float] | None) -> str:
    """Return an interval of a difference, or a dash."""
    return f"{formats.signed(bounds[0])} to {formats.signed(bounds[1])}" if bounds else formats.NONE


def gain(row: dict[str, Any]) -> str:
    """Return what retrieval adds to a row at the same weights, with its 95% interval."""
    found = row["gain"]
    return f"{formats.signed(found['effect'])} ({interval((found['low'], found['high']))})" if found else formats.NONE


def is_kept(name: str) -> bool:
    """Return whether the report of a study is kept."""
    return (KEPT / name / REPORT).is_file()


def pages() -> dict[Path, str]:
    """Return each page of findings and its text."""
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES), undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    shown = (formats.number, formats.signed, formats.percent, formats.megabytes, formats.milliseconds)
    environment.filters.update({each.__name__: each for each in (level, interval, gain, *shown)})
    environment.globals.update(kept=cache(Kept), is_kept=is_kept)
    environment.filters["kept"] = environment.globals["kept"]
    environment.tests["is_kept"] = is_kept
    found: dict[Path, str] = {}
    for template in sorted(TEMPLATES.glob("*.md.j2")):
        name = template.stem
        folder = DOCS if name == "findings.md" else KEPT
        text = wrapped(environment.get_template(template.name).render().rstrip()) + "\n"
        title, _, rest = text.partition("\n")
        found[folder / name] = f"{title}\n\n{WRITTEN.format(name=template.name)}{rest}"
    return found


def wrapped(text: str) -> str:
    r"""Return Markdown with its prose broken into lines again.

    >>> wrapped("Of\nall.\n\n- one\n  item\n- two")
    'Of all.\n\n- one item\n- two'
    """
    return "\n\n".join(map(_wrapped, re.split(r"\n{2,}", text)))


def _wrapped(block: str) -> str:
    if re.match(r"[|#!<`]", block):
        return block
    items = re.split(r"\n(?=(?:[-*]|\d+\.) )", block)
    marks = [re.match(r"(?:[-*]|\d+\.) ", each) for each in items]
    return "\n".join(
        textwrap.fill(
            " ".join(each.split()),
            118,
            subsequent_indent=" " * (mark.end() if mark else 0),
            break_long_words=False,
            break_on_hyphens=False,
        )
        for each, mark in zip(items, marks, strict=True)
    )


def keep(run: Path) -> None:
    """Keep the report of a run: ``report.json`` compressed, its ranking, and its forest plot.

    The folder's name is that of the study, whatever the run's folder is called.
    """
    content = (run / "report.json").read_bytes()
    folder = KEPT / json.loads(content)["study"]
    folder.mkdir(exist_ok=True)
    (folder / REPORT).write_bytes(gzip.compress(content, mtime=0))
    for name in ("ranking.csv", "forest.png"):
        shutil.copy(run / name, folder)


if __name__ == "__main__":
    for each in sys.argv[2:] if sys.argv[1:2] == ["keep"] else ():
        keep(Path(each))
    for path, written in pages().items():
        path.write_text(written, encoding="utf-8")
