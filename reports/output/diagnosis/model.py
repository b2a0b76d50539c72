"""The diagnosis of a base as typed values: what ``diagnosis.json`` says and all that its page may show."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from reports.drawing.figure import Figure
from reports.next.model import NextStudy
from reports.sections.evidence.claims.build import JudgedClaim
from reports.sections.evidence.model import CheckLine, DiagnosedArm, Unmeasured
from reports.sections.evidence.predictions.build import Advice
from reports.sections.evidence.why.mixtures import Mixtures
from reports.sections.report import as_json

DIAGNOSIS_SCHEMA = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class DiagnosisPage:
    """What stands in the way of a base, and what to try.

    Attributes:
        answer: what stands in the way, a sentence.
        obstacles: the gravest issues, at most three.
        try_out: what the rules advise, the most promising first.
        following: the first study; None where the folder does not hold its study file.
        idle: what they advise against.
        mixtures: untrained mixtures on base; None where they were not measured.
        checks: every check on base.
        unmeasured: runs whose diagnosis failed.
        arm: which runs were looked at, and how closely.
        decimals: of the figures' data.
        facts: label and value, in reading order, by group.
    """

    lang: str
    study: str
    heading: str
    made_from: str
    answer: str
    obstacles: tuple[CheckLine, ...]
    claims: tuple[JudgedClaim, ...]
    try_out: tuple[Advice, ...]
    idle: tuple[Advice, ...]
    figures: Mapping[str, Figure]
    mixtures: Mixtures | None
    checks: tuple[CheckLine, ...]
    unmeasured: tuple[Unmeasured, ...]
    arm: DiagnosedArm
    method: str
    facts: Mapping[str, tuple[tuple[str, str], ...]]
    commands: tuple[str, ...]
    following: NextStudy | None = None
    decimals: int = 4
    schema_version: int = DIAGNOSIS_SCHEMA

    def to_json(self) -> str:
        """The diagnosis as JSON; figures that are not finite become null."""
        return as_json(self)
