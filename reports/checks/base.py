"""What measures a check of a study, and what became of the check."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar

from harness.checks.base import Figures, Outcome, Status
from harness.checks.leads import Z
from harness.checks.study import StudyCheck
from harness.stats.effects import Estimated
from reports.stats.analysis import Analysis


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """One thing that the check asks about, such as a reference row or a parameter of a search.

    Attributes:
        figures: all that the check reads, errors included.
        named: the names and values that its sentence holds.
    """

    figures: Figures
    named: Mapping[str, str]


class Measure(ABC):
    """Measures the figures of one check of a study.

    Attributes:
        code: of the check.
    """

    code: ClassVar[str]

    @abstractmethod
    def measure(self, analysis: Analysis, lang: str) -> Sequence[Candidate] | Status:
        """What the check is asked about, those next to the threshold first; a status where there is nothing to ask."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A check of a study with its answer.

    Attributes:
        outcome: for the candidate that is gravest.
        named: that candidate's names.
        others: outcome and names of further candidates that are an issue, in order.
    """

    check: StudyCheck
    outcome: Outcome
    named: Mapping[str, str] = field(default_factory=dict[str, str])
    others: tuple[tuple[Outcome, Mapping[str, str]], ...] = ()


def error_of(effect: Estimated, n_asked: int) -> float:
    """An error whose normal 95% interval is the effect's t interval, corrected for so many questions (Bonferroni)."""
    low, high = effect.interval(1.0 - 0.05 / n_asked)
    return (high - low) / (2.0 * Z)


FEWEST = 2
"""Seeds below which nothing is known of how much they differ."""


def too_early(analysis: Analysis, n_seeds: int) -> bool:
    """Whether nothing can be told yet: too few seeds, or cells of the plan that are still to run."""
    return n_seeds < FEWEST or not analysis.progress.complete
