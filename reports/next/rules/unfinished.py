"""Rules for a study with cells that have no result."""

from __future__ import annotations

from collections.abc import Collection
from typing import ClassVar

from harness.results.manifest import BASE
from reports.next.given import Given
from reports.next.model import Proposal
from reports.next.rule import NextRule


class FinishStudy(NextRule):
    """Run the same study file again: only the cells without a result run."""

    name: ClassVar[str] = "finish_study"
    title: ClassVar[str] = "Run the cells that have no result"
    when: ClassVar[str] = (
        "A cell of the study has not run, or a cell of base has failed. Not after a diagnosis, which has no arms."
    )
    expects: ClassVar[str] = (
        "Cells that failed for a temporary reason, such as memory, finish, and the report covers every arm. If a cell "
        "fails again, its traceback in the report names the fault."
    )

    def propose(self, given: Given) -> Proposal | None:
        of_base = _states(given, "failed", (BASE,))
        if not of_base and not _states(given, "missing"):
            return None
        return _again(given)


class RetryFailed(NextRule):
    """Run the same study file again: only the failed cells of arms run."""

    name: ClassVar[str] = "retry_failed"
    title: ClassVar[str] = "Rerun the failed cells"
    when: ClassVar[str] = (
        "A cell of an arm has failed, every other cell has run, and no arm is to be confirmed or adopted. Not after a "
        "diagnosis, which has no arms."
    )
    expects: ClassVar[str] = (
        "Cells that failed for a temporary reason, such as memory, finish. If a cell fails again, its traceback in the "
        "report names the fault; fix the arm or leave it out of the file."
    )

    def propose(self, given: Given) -> Proposal | None:
        return _again(given) if _states(given, "failed") else None


def _states(given: Given, state: str, rows: Collection[str] | None = None) -> int:
    """How many cells are in a state."""
    cell, numbers = given.section.frame.cell, given.manifest.replicates
    named = (row.name for row in given.manifest.rows if rows is None or row.name in rows)
    return sum(cell(name, number) == state for name in named for number in numbers)


def _again(given: Given) -> Proposal | None:
    """The same study again; None if base is its only row."""
    if len(given.manifest.rows) == 1:
        return None
    failed, missing = _states(given, "failed"), _states(given, "missing")
    reasons = (why for row in given.manifest.rows for why in row.failures.values())
    why = next((each.partition("\n")[0] for each in reasons), "")
    key = "because_failed" if failed else "because_missing"
    return Proposal(
        kind="again",
        does=given.text("next.finish_study.does"),
        because=given.text(f"next.finish_study.{key}", failed=failed, missing=missing, why=why),
        ground=given.ground,
        n_seeds=len(given.manifest.replicates),
    )
