"""The expectations of the previous study for the arms of this one, and their outcomes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from reports.locale import Catalogue, formats
from reports.sections.evidence.predictions.outcome import Measured, measured
from reports.sections.report import Row


@dataclass(frozen=True, slots=True, kw_only=True)
class Followed(Measured):
    """An expectation in the study file and the row that it is about.

    Attributes:
        arm: the row; an arm with several settings has a line for each.
        rule: the rule that made it.
        expected: ``better``, ``moves`` or ``equivalent``.
        gain: predicted difference to base; None where there is none.
        metric: metric of the gain, as papers write it.
    """

    arm: str
    rule: str
    expected: str
    expected_text: str
    gain: float | None = None
    metric: str = ""


def followed_of(follows: Mapping[str, Any], rows: Sequence[Row], text: Catalogue) -> tuple[Followed, ...]:
    """Return every expectation of a manifest's ``follows`` with the rows of this study that test it."""

    def lines() -> Iterator[Followed]:
        for arm, expects in follows.get("expects", {}).items():
            for row in rows:
                if row.kind == "arm" and row.arm == arm:
                    yield _line(row, expects, text)

    return tuple(lines())


def _line(row: Row, expects: Mapping[str, Any], text: Catalogue) -> Followed:
    expected = str(expects["verdict"])
    return Followed(
        arm=row.name,
        rule=str(expects["rule"]),
        expected=expected,
        expected_text=text(f"predictions.expected.{expected}"),
        gain=expects.get("gain"),
        metric=formats.metric_label(str(expects.get("metric", ""))) if expects.get("metric") else "",
        **measured(row, expected, text),
    )
