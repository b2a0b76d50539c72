"""The diagnosis of a base as typed values: the content of ``diagnosis.json`` and of its page."""

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
    """The obstacles of a base, and what to try.

    Attributes:
        answer: the obstacles in one sentence.
        obstacles: the most serious issues, at most three.
        try_out: advice of the rules, most promising first.
        following: the first study; None if the folder does not hold its study file.
        idle: remedies that the rules predict to have no effect.
        mixtures: untrained mixtures on base; None if not measured.
        checks: every check on base.
        unmeasured: runs whose diagnosis failed.
        arm: the diagnosed runs and the level of the diagnosis.
        decimals: decimals of the figures' data.
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
