"""The evidence of a study by row: the measurements of its runs, and the outcome of every check."""

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
    """The evidence of a study.

    Attributes:
        names: rows with a diagnosis and runs of their own, base first, A/A last.
        diagnoses: row -> replicate -> the diagnosis of that run.
        level: diagnosis level that the study asks for.
        checks: row -> code -> outcome of the check on the row's runs.
        muted: code of a check -> the reason why it is muted.
        words: texts of checks, claims and rules.
    """

    names: tuple[str, ...]
    diagnoses: Mapping[str, Mapping[int, Diagnosis]]
    level: str
    checks: Mapping[str, Mapping[str, Outcome]]
    muted: Mapping[str, str]
    words: EvidenceTexts

    @property
    def measured(self) -> bool:
        """Whether base has a diagnosis, without which no claim can be judged."""
        return BASE in self.diagnoses

    @property
    def turned_off(self) -> bool:
        """Whether the study asks for no diagnosis and has none."""
        return self.level == Level.OFF.value and not self.names

    def runs(self, name: str) -> Runs:
        """Return the entries of all of a row's runs up to the chosen epoch, in the order of the replicates."""
        return _runs(self.diagnoses[name])

    @cached_property
    def shared(self) -> tuple[int, ...]:
        """Replicates in which every row, except those of :attr:`apart`, was diagnosed; only these are compared.

        Rows are intersected in order; a row without a replicate in common with the earlier ones is left out.  Base is
        diagnosed in every replicate, arms often in the first only, and replicates are not comparable with each other.
        """
        shared: set[int] = set()
        for name in self.names:
            found = self._looked_at(name)
            shared = (shared & found or shared) if shared else found
        return tuple(sorted(shared))

    @property
    def apart(self) -> tuple[str, ...]:
        """Rows that were diagnosed only in replicates that are not shared."""
        rows = [(name, self._looked_at(name)) for name in self.names]
        return tuple(name for name, found in rows if found and not found.issuperset(self.shared))

    def _looked_at(self, name: str) -> set[int]:
        return {number for number, found in self.diagnoses[name].items() if found.entries}

    def _side_by_side(self, name: str) -> dict[int, Diagnosis]:
        return {number: found for number, found in self.diagnoses[name].items() if number in self.shared}

    def diaries(self, name: str) -> Runs:
        """Return every entry of a row's runs, one sequence per shared replicate."""
        return [found.entries for _, found in sorted(self._side_by_side(name).items())]

    def figures(self, name: str) -> dict[str, float]:
        """Return every figure of a row at its chosen epoch, or at the last earlier epoch that has it; NaN for none.

        It is the mean over the replicates that the rows share, so that rows are comparable.
        """
        return latest(_runs(self._side_by_side(name)))

    def start(self, name: str) -> dict[str, float]:
        """Return the same figures before training."""
        return first(_runs(self._side_by_side(name)))

    def statuses(self, name: str) -> tuple[StatusName, ...]:
        """Return the status of every check on a row, from the replicates that the rows share."""
        found = summaries(_runs(self._side_by_side(name)), muted=self.muted)
        return tuple(self.status(each) for each in found.values())

    def arm(self, name: str) -> DiagnosedArm:
        """Return which of a row's runs were diagnosed."""
        found = self.diagnoses[name]
        epochs = [entry.epoch for diagnosis in found.values() for entry in diagnosis.entries]
        return DiagnosedArm(
            name=name,
            replicates=tuple(sorted(found)),
            level=next(iter(found.values())).level.value,
            epoch=max(epochs, default=None),
        )

    def unmeasured(self) -> tuple[Unmeasured, ...]:
        """Return the runs whose diagnosis failed."""
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
        """Return the status of an outcome, the one that most of the runs have."""
        return cast("StatusName", outcome.status.value)

    def check(self, outcome: Outcome, name: str = BASE) -> CheckLine:
        """Return a check of a row as the report shows it."""
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
        """Return at most `most` issues of base, the gravest first, at most one per family."""
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
    """Return the evidence of a study.

    Args:
        order: names of rows in ranking order; other rows follow in the manifest's order.
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
    """Return figures with None for values that are not finite, as in JSON."""
    return {name: value if math.isfinite(value) else None for name, value in figures.items()}
