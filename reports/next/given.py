"""Input of the rules of the next study: the rows with their verdicts, the evidence, and the study file."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import nan
from typing import TYPE_CHECKING

from harness.checks.base import Remedy, Status
from harness.checks.problems.fusion import SMALLEST_GAIN
from harness.checks.seeds import latest
from harness.results.manifest import A_A, BASE, StudyManifest
from reports.locale import Catalogue
from reports.sections.base import SectionInput
from reports.sections.evidence.predictions.build import Advice, advice_of
from reports.sections.report import Row

if TYPE_CHECKING:
    from harness.study.stacking import Ground

CONFIRMS = "confirm_winner"
"""Name of the rule whose studies are confirmations."""

UNDECIDED = ("inconclusive", "one_seed", "two_seeds")


@dataclass(frozen=True, eq=False, kw_only=True)
class Given:
    """A study, as input of the rules.

    Attributes:
        section: its estimates, ranking and evidence.
        ground: its base, its protocol and the keys of its file.
    """

    section: SectionInput
    ground: Ground

    @property
    def text(self) -> Catalogue:
        return self.section.text

    @property
    def manifest(self) -> StudyManifest:
        return self.section.manifest

    @property
    def complete(self) -> bool:
        """Whether base has a result and no cell is still to run."""
        return self.section.analysis.base_mean is not None and self.section.analysis.progress.complete

    @property
    def alone(self) -> bool:
        """Whether the study has no arms, only base and A/A, as in a diagnosis."""
        return all(row.name in (BASE, A_A) for row in self.manifest.rows)

    @property
    def searched(self) -> bool:
        """Whether a search chose the rows' settings, including settings of base that no arm can have (learning rate).

        A search also compares the best setting of each arm on fresh seeds by itself.
        """
        return self.manifest.course.get("mode") == "search"

    @property
    def fresh(self) -> bool:
        """Whether the rows were chosen on the study's first seeds and are compared on fresh ones."""
        return self.manifest.course.get("mode") in ("search", "greedy")

    @property
    def n_seeds(self) -> int:
        """Replicates of base that have finished."""
        return len(self.section.frame.replicates(BASE))

    @property
    def sesoi(self) -> float:
        """Smallest effect worth having, in units of the primary metric."""
        return self.section.analysis.sesoi or 0.0

    @cached_property
    def arms(self) -> tuple[Row, ...]:
        """Arms with remedies and finished cells of their own, best estimate first."""
        ran = self.section.frame.records
        found = [row for row in self.section.rows if row.kind == "arm" and row.name in ran and self.stack_of(row.name)]
        return tuple(sorted(found, key=lambda row: -(row.effect or 0.0)))

    @property
    def helped(self) -> tuple[Row, ...]:
        """Arms that are better than base by a worthwhile amount and lower no guard metric, best first."""
        if not self.complete:
            return ()
        return tuple(row for row in self.arms if row.verdict == "better" and not row.negligible and not row.fell)

    @property
    def undecided(self) -> tuple[Row, ...]:
        """Arms without a clear verdict in a complete study: inconclusive, one seed or two seeds."""
        return tuple(row for row in self.arms if row.verdict in UNDECIDED) if self.complete else ()

    @property
    def confirms(self) -> bool:
        """Whether the study is the confirmation of its best arm."""
        expects = self.manifest.follows.get("expects", {})
        return bool(self.helped) and expects.get(self.helped[0].arm, {}).get("rule") == CONFIRMS

    def runs(self, row: Row) -> bool:
        """Whether a row's stack can run again: its remedies are installed and accept their settings."""
        return not self.ground.refusal(self.stack_of(row.name))

    def stack_of(self, row: str) -> tuple[Remedy, ...]:
        """The remedies of a row with all their settings."""
        remedies = self.section.frame.row(row).remedies
        return tuple(Remedy(id=str(each["id"]), settings=dict(each.get("settings", {}))) for each in remedies)

    def tried(self, ids: Sequence[str]) -> bool:
        """Whether a row or an intermediate stack has exactly these remedies, or the base has all of them."""
        asked = frozenset(ids)
        rows = (row for row in self.manifest.rows if row.status != "inapplicable")
        stacks = [frozenset(str(each["id"]) for each in row.remedies) for row in rows]
        return (
            asked in stacks
            or asked in self._tried_on_the_way
            or asked <= frozenset(each.id for each in self.ground.remedies)
        )

    @cached_property
    def _tried_on_the_way(self) -> frozenset[frozenset[str]]:
        """Ids of the stacks that mode greedy ran; most of them are not rows of the report."""
        course = self.manifest.course
        ids = {
            str(arm["name"]): frozenset(str(each).partition("(")[0] for each in arm["remedies"])
            for arm in course.get("candidates", ())
        }
        found: set[frozenset[str]] = set()
        for step in course.get("steps", ()):
            for each in step["tries"]:
                own = {str(each["arm"])}
                names = set(step["stack"]) | own if step["kind"] == "forward" else set(step["stack"]) - own
                if each["state"] == "tried":
                    found.add(frozenset[str]().union(*(ids.get(name, frozenset()) for name in names)))
        return frozenset(found)

    def advice(self, row: str = BASE) -> tuple[Advice, ...]:
        """Return the advice from the evidence of a row; empty if the row has no evidence."""
        evidence = self.section.evidence
        return advice_of(evidence, self.text, row) if row in evidence.diagnoses else ()

    def vanishes(self, ids: Collection[str], row: str = BASE) -> bool:
        """Whether, as measured, the gain of mixing in nearest vectors vanishes when the user's history is hidden."""
        if not {"wiring.interpolate"} <= set(ids) or "wiring.overlap" in ids:
            return False
        figures = latest(self.section.evidence.runs(row)) if row in self.section.evidence.diagnoses else {}
        lead = figures.get("head_room.interpolation_unseen", nan) - figures.get("head_room.unseen", nan)
        return lead <= SMALLEST_GAIN

    def fired(self, code: str) -> bool:
        """Whether a check found its issue in base."""
        outcome = self.section.evidence.checks.get(BASE, {}).get(code)
        return outcome is not None and outcome.status is Status.ISSUE


def given_of(section: SectionInput) -> Given | None:
    """Return the input of the rules; None if the folder has no study file, as for a table of ranks."""
    if not section.manifest.file:
        return None
    from harness.study.stacking import Ground  # the grammar takes a while to load

    ground = Ground.of(section.manifest.file)
    return ground and Given(section=section, ground=ground)
