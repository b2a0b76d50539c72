"""Base class of the measures of study checks, and the outcome of a check."""

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
    """One item that a check is applied to, such as a reference row or a parameter of a search.

    Attributes:
        figures: all figures that the check reads, including errors.
        named: the names and values in its sentence.
    """

    figures: Figures
    named: Mapping[str, str]


class Measure(ABC):
    """Measures the figures of one check of a study.

    Attributes:
        code: code of the check.
    """

    code: ClassVar[str]

    @abstractmethod
    def measure(self, analysis: Analysis, lang: str) -> Sequence[Candidate] | Status:
        """Return the items to check, those next to the threshold first; a status if there are none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A check of a study with its outcome.

    Attributes:
        outcome: outcome of the most serious candidate.
        named: names and values of that candidate.
        others: outcome and names of the other candidates with an issue, in order.
    """

    check: StudyCheck
    outcome: Outcome
    named: Mapping[str, str] = field(default_factory=dict[str, str])
    others: tuple[tuple[Outcome, Mapping[str, str]], ...] = ()


def error_of(effect: Estimated, n_asked: int) -> float:
    """The error whose normal 95% interval is as wide as the t interval, corrected for `n_asked` tests (Bonferroni)."""
    low, high = effect.interval(1.0 - 0.05 / n_asked)
    return (high - low) / (2.0 * Z)


FEWEST = 2
"""Fewest seeds that give an estimate of the variance between seeds."""


def too_early(analysis: Analysis, n_seeds: int) -> bool:
    """Whether no outcome is possible yet: too few seeds, or planned cells that are still to run."""
    return n_seeds < FEWEST or not analysis.progress.complete
