"""The diagnosis of a base as typed values: what ``diagnosis.json`` says and all that its page may show."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass

from reports.sections.evidence.model import Advice, CheckLine, DiagnosedArm, Found, Unmeasured
from reports.sections.report import Figure, plain

DIAGNOSIS_SCHEMA = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class DiagnosedClaim:
    """A claim and whether its mechanism is there.

    Attributes:
        number: from 1 to 10.
        says: the claim, a sentence.
        decided: checks that decide it.
    """

    number: int
    family: str
    title: str
    says: str
    mechanism: Found
    decided: tuple[CheckLine, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class DiagnosisPage:
    """What stands in the way of a base, and what to try.

    Attributes:
        answer: what stands in the way, a sentence.
        obstacles: the gravest issues, at most three.
        try_out: what the rules advise, the most promising first.
        idle: what they advise against.
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
    claims: tuple[DiagnosedClaim, ...]
    try_out: tuple[Advice, ...]
    idle: tuple[Advice, ...]
    figures: Mapping[str, Figure]
    checks: tuple[CheckLine, ...]
    unmeasured: tuple[Unmeasured, ...]
    arm: DiagnosedArm
    method: str
    facts: Mapping[str, tuple[tuple[str, str], ...]]
    commands: tuple[str, ...]
    decimals: int = 4
    schema_version: int = DIAGNOSIS_SCHEMA

    def to_json(self) -> str:
        """The diagnosis as JSON; figures that are not finite become null."""
        return json.dumps(plain(dataclasses.asdict(self)), indent=1, ensure_ascii=False, allow_nan=False) + "\n"
