"""The evidence of a study by row: what was measured in its runs, and what every check says of them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import cast

from harness.results.evidence import Diagnosis, Level
from harness.results.manifest import A_A, BASE, StudyManifest
from reports.sections.evidence.checks import Outcome, Runs, Severity, Status, first, latest, summaries
from reports.sections.evidence.model import CheckLine, DiagnosedArm, Unmeasured, Values
from reports.sections.evidence.model import Status as StatusName
from reports.sections.evidence.texts import EvidenceTexts, load_evidence_texts


@dataclass(frozen=True, eq=False, kw_only=True)
class Evidence:
    """What was measured.

    Attributes:
        names: rows with a diagnosis and cells of their own, base first, A/A last.
        diagnoses: row -> replicate -> what was measured there.
        level: that the study asks for.
        checks: row -> code -> the check, asked of the row's runs.
        muted: code of a check -> why it is not asked.
        words: what checks, claims and rules say.
    """

    names: tuple[str, ...]
    diagnoses: Mapping[str, Mapping[int, Diagnosis]]
    level: str
    checks: Mapping[str, Mapping[str, Outcome]]
    muted: Mapping[str, str]
    words: EvidenceTexts

    @property
    def measured(self) -> bool:
        """Whether base was looked at, without which no claim can be judged."""
        return BASE in self.diagnoses

    @property
    def turned_off(self) -> bool:
        """Whether the study asks for no diagnosis, and none was made."""
        return self.level == Level.OFF.value and not self.names

    def runs(self, name: str) -> Runs:
        """What all of a row's runs tell by the checkpoint that they are judged by, by replicate."""
        return _runs(self.diagnoses[name])

    @cached_property
    def shared(self) -> tuple[int, ...]:
        """Replicates in which every row was looked at, but for those of :attr:`apart`; only they are set side by side.

        Rows are taken in their order, and one that has none of what the earlier ones share is left apart: base is
        measured in every replicate, arms often in the first alone, and one replicate is not like another.
        """
        shared: set[int] = set()
        for name in self.names:
            found = self._looked_at(name)
            shared = (shared & found or shared) if shared else found
        return tuple(sorted(shared))

    @property
    def apart(self) -> tuple[str, ...]:
        """Rows that were looked at in other replicates only."""
        rows = [(name, self._looked_at(name)) for name in self.names]
        return tuple(name for name, found in rows if found and not found.issuperset(self.shared))

    def _looked_at(self, name: str) -> set[int]:
        return {number for number, found in self.diagnoses[name].items() if found.entries}

    def _side_by_side(self, name: str) -> dict[int, Diagnosis]:
        return {number: found for number, found in self.diagnoses[name].items() if number in self.shared}

    def diaries(self, name: str) -> Runs:
        """Every look at a row's runs, by shared replicate."""
        return [found.entries for _, found in sorted(self._side_by_side(name).items())]

    def figures(self, name: str) -> dict[str, float]:
        """Every figure of a row at its chosen epoch or the last before it that has it; NaN for none.

        It is the mean over the replicates that the rows share, so that rows can be set side by side.
        """
        return latest(_runs(self._side_by_side(name)))

    def start(self, name: str) -> dict[str, float]:
        """The same before training."""
        return first(_runs(self._side_by_side(name)))

    def statuses(self, name: str) -> tuple[StatusName, ...]:
        """What every check says of a row by the replicates that the rows share."""
        found = summaries(_runs(self._side_by_side(name)), muted=self.muted)
        return tuple(self.status(each) for each in found.values())

    def arm(self, name: str) -> DiagnosedArm:
        """Which of a row's runs were looked at."""
        found = self.diagnoses[name]
        epochs = [entry.epoch for diagnosis in found.values() for entry in diagnosis.entries]
        return DiagnosedArm(
            name=name,
            replicates=tuple(sorted(found)),
            level=next(iter(found.values())).level.value,
            epoch=max(epochs, default=None),
        )

    def unmeasured(self) -> tuple[Unmeasured, ...]:
        """Runs whose measuring failed."""
        return tuple(
            Unmeasured(
                name=name,
                replicate=number,
                problem=diagnosis.problem.strip().splitlines()[-1],
                detail=diagnosis.problem,
            )
            for name in self.names
            for number, diagnosis in sorted(self.diagnoses[name].items())
            if diagnosis.problem.strip()
        )

    def status(self, outcome: Outcome) -> StatusName:
        """What most of the runs say."""
        return cast("StatusName", outcome.status.value)

    def check(self, outcome: Outcome, name: str = BASE) -> CheckLine:
        """A check of a row as the report says it."""
        check = outcome.check
        figures = plain(outcome.figures)
        return CheckLine(
            code=check.code,
            family=check.claim,
            severity=check.severity.value,
            title=self.words.title(check),
            status=self.status(outcome),
            detected=self.words.detected(outcome) if None not in figures.values() else "",
            why=self.words.why(check),
            reduce=check.reduce,
            reason=outcome.reason,
            by=outcome.by,
            half=outcome.half,
            smallest=outcome.smallest,
            margin=self.words.margin(outcome),
            n_issue=outcome.n_issue,
            n_alike=outcome.n_alike,
            n_asked=outcome.n_asked,
            n_runs=len(self.runs(name)),
            epoch=outcome.epoch,
            figures=figures,
        )

    def obstacles(self, most: int) -> tuple[CheckLine, ...]:
        """Issues of base that stand in the way, the gravest first, one of each family at most."""
        grades = tuple(Severity)
        found = [each for each in self.checks[BASE].values() if each.status is Status.ISSUE]
        found.sort(key=lambda each: (grades.index(each.check.severity), each.check.depth))
        first_of: dict[str, Outcome] = {}
        for each in found:
            first_of.setdefault(each.check.claim, each)
        return tuple(self.check(each) for each in list(first_of.values())[:most])


def evidence_of(
    manifest: StudyManifest, diagnoses: Mapping[str, Mapping[int, Diagnosis]], lang: str, order: Sequence[str] = ()
) -> Evidence:
    """The evidence of a study.

    Args:
        order: names of rows as the ranking has them; rows that are not in it follow in the manifest's order.
    """
    own = [row.name for row in manifest.rows if row.status == "run" and diagnoses.get(row.name)]
    places = {name: place for place, name in enumerate(order)}
    own.sort(key=lambda name: (name != BASE, name == A_A, places.get(name, len(places))))
    muted = dict(manifest.diagnostics.get("mute", {}))
    return Evidence(
        names=tuple(own),
        diagnoses={name: diagnoses[name] for name in own},
        level=str(manifest.diagnostics.get("level", Level.OFF.value)),
        checks={name: summaries(_runs(diagnoses[name]), muted=muted) for name in own},
        muted=muted,
        words=load_evidence_texts(lang),
    )


def _runs(diagnoses: Mapping[int, Diagnosis]) -> Runs:
    return [found.told for _, found in sorted(diagnoses.items())]


def plain(figures: Mapping[str, float]) -> Values:
    """Figures with None for what is not finite, as JSON has it."""
    return {name: value if math.isfinite(value) else None for name, value in figures.items()}
