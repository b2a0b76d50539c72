"""A study with cells that have no result."""

from __future__ import annotations

from typing import ClassVar

from reports.next.given import Given
from reports.next.model import Proposal
from reports.next.rule import NextRule


class FinishStudy(NextRule):
    """The same study file: only the cells without a result run."""

    name: ClassVar[str] = "finish_study"
    title: ClassVar[str] = "Run the cells that have no result"
    when: ClassVar[str] = (
        "At least one cell of the study has failed or has not run. Not for a diagnosis, which has no arms."
    )
    expects: ClassVar[str] = (
        "Cells that failed for a passing reason, such as memory, finish; the report then judges every arm. "
        "A cell that fails again has a fault that its traceback in the report names."
    )

    def propose(self, given: Given) -> Proposal | None:
        frame, numbers = given.section.frame, given.manifest.replicates
        states = [frame.cell(row.name, number) for row in given.manifest.rows for number in numbers]
        failed, missing = states.count("failed"), states.count("missing")
        if (not failed and not missing) or len(given.manifest.rows) == 1:
            return None
        reasons = (why for row in given.manifest.rows for why in row.failures.values())
        why = next((each.partition("\n")[0] for each in reasons), "")
        key = "because_failed" if failed else "because_missing"
        return Proposal(
            kind="again",
            does=given.text("next.finish_study.does"),
            because=given.text(f"next.{self.name}.{key}", failed=failed, missing=missing, why=why),
            ground=given.ground,
            n_seeds=len(numbers),
        )
