"""Checks of a whole study: words and answers as of a run's, asked of rows, references, curves and trials."""

from __future__ import annotations

from dataclasses import dataclass

from harness.checks.base import Check, names_in


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyCheck(Check):
    """A question to a finished study, which the report measures and asks once.

    Attributes:
        named: places of `detected` that hold names or values of the study, such as an arm's, and no figure.
        interval: what the interval runs over and is corrected for, and when the check cannot tell.
        advice: what to do, a sentence: no remedy reduces it.
        about: the one of `named` that says whose issue it is; empty where the whole study's.
    """

    named: tuple[str, ...]
    interval: str
    advice: str
    about: str = ""

    @property
    def reads(self) -> tuple[str, ...]:
        """Figures that it needs."""
        return (*(name for name in names_in(self.detected) if name not in self.named), *self.also_reads)
