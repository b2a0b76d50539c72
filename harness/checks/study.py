"""Checks of a whole study: texts and answers as for a run, but on rows, references, curves and trials."""

from __future__ import annotations

from dataclasses import dataclass

from harness.checks.base import Check, names_in


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyCheck(Check):
    """A question asked once of a finished study; the report measures its figures.

    Attributes:
        named: placeholders of `detected` for names or values of the study, such as an arm's name, not for figures.
        interval: what the interval runs over and is corrected for, and when the check cannot tell.
        advice: what to do, a sentence; no remedy reduces it.
        about: the one of `named` that the issue is about; empty if it is about the whole study.
    """

    named: tuple[str, ...]
    interval: str
    advice: str
    about: str = ""

    @property
    def reads(self) -> tuple[str, ...]:
        """Figures that it needs."""
        return (*(name for name in names_in(self.detected) if name not in self.named), *self.also_reads)
