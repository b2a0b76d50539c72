"""The comparison of the problem list's priorities with measured effects."""

from __future__ import annotations

from dataclasses import dataclass

from reports.locale import formats
from reports.sections.base import SectionInput


@dataclass(frozen=True, slots=True, kw_only=True)
class PriorityLevel:
    """The remedies of one priority.

    Attributes:
        mean: mean effect.
        n_better, n_worse: number of remedies with a row of that verdict.
        first: the remedy with the highest effect.
    """

    priority: str
    n: int
    mean: float
    n_better: int
    n_worse: int
    first: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Priorities:
    """The problem list's priorities against the measured order: Kendall's tau-b with its 95% interval.

    Attributes:
        remedies: ``(id, priority, effect)``, the highest effect first.
    """

    tau: float
    low: float
    high: float
    sentence: str
    levels: tuple[PriorityLevel, ...]
    remedies: tuple[tuple[str, str, float], ...]


def priorities_of(given: SectionInput) -> Priorities | None:
    """Return Kendall's tau-b in words and the remedies by priority; None where too few remedies have a priority."""
    found, text = given.analysis.agreement, given.text
    if found is None:
        return None
    verdicts = {row.name: row.verdict for row in given.rows}
    levels: list[PriorityLevel] = []
    for priority in ("H", "M", "L"):
        remedies = [remedy for remedy in found.remedies if remedy.priority == priority]
        if remedies:
            codes = [{verdicts[name] for name in remedy.rows} for remedy in remedies]
            levels.append(
                PriorityLevel(
                    priority=priority,
                    n=len(remedies),
                    mean=sum(remedy.mean for remedy in remedies) / len(remedies),
                    n_better=sum("better" in each for each in codes),
                    n_worse=sum("worse" in each for each in codes),
                    first=remedies[0].id,
                )
            )
    meaning = "with" if found.low > 0.0 else "against" if found.high < 0.0 else "open"
    sentence = text(
        "priorities.sentence",
        tau=formats.signed(found.tau, 2),
        low=formats.signed(found.low, 2),
        high=formats.signed(found.high, 2),
        n=len(found.remedies),
    )
    return Priorities(
        tau=found.tau,
        low=found.low,
        high=found.high,
        sentence=text("list.sentences").join([sentence, text(f"priorities.{meaning}")]),
        levels=tuple(levels),
        remedies=tuple((remedy.id, remedy.priority, remedy.mean) for remedy in found.remedies),
    )
