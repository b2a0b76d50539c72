"""The ten claims of the diagnosis that the remedies come from, and which checks say whether each is so."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

from harness.checks.checks import Status
from harness.checks.families import family_of
from harness.checks.seeds import Summary


class Mechanism(Enum):
    """Whether what a claim says holds FTragrec back is there."""

    FOUND = "found"
    NOT_FOUND = "not_found"
    NOT_MEASURED = "not_measured"


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """A mechanism that is said to hold FTragrec back.

    Attributes:
        family: of its remedies.
        decided_by: codes of the checks that look for the mechanism; one issue among them and it is found.
        besides: codes of the checks that show what else stands in the way of the family's remedies.
    """

    family: str
    decided_by: tuple[str, ...]
    besides: tuple[str, ...] = ()

    @property
    def number(self) -> int:
        """Of the problem, from 1 to 10."""
        number = family_of(self.family).number
        assert number is not None
        return number

    @property
    def says(self) -> str:
        """The claim, a sentence."""
        return family_of(self.family).claim


CLAIMS: tuple[Claim, ...] = (
    Claim(
        family="kl",
        decided_by=("FTR103",),
        besides=("FTR101", "FTR102", "FTR104"),
    ),
    Claim(
        family="training",
        decided_by=("FTR201",),
        besides=("FTR202", "FTR203"),
    ),
    Claim(
        family="index",
        decided_by=("FTR301", "FTR302", "FTR304"),
        besides=("FTR303",),
    ),
    Claim(
        family="fusion",
        decided_by=("FTR403",),
        besides=("FTR401", "FTR402", "FTR404", "FTR405"),
    ),
    Claim(
        family="loss",
        decided_by=("FTR501", "FTR502"),
        besides=("FTR201",),
    ),
    Claim(
        family="temperature",
        decided_by=("FTR601",),
        besides=("FTR602",),
    ),
    Claim(
        family="retriever",
        decided_by=("FTR701",),
        besides=("FTR702",),
    ),
    Claim(
        family="evaluation",
        decided_by=("FTR801",),
        besides=("FTR802",),
    ),
    Claim(
        family="scope",
        decided_by=("FTR901",),
    ),
    Claim(
        family="search",
        decided_by=("FTR1001", "FTR1002"),
    ),
)


def judge(claim: Claim, found: Mapping[str, Summary]) -> Mechanism:
    """Whether the claim's mechanism is there.

    Not found needs every deciding check that can be asked to have passed, and at least one of them.

    Args:
        claim: the claim.
        found: code -> the check over the runs of one arm, base's as a rule.
    """
    statuses = [found[code].status for code in claim.decided_by]
    if Status.ISSUE in statuses:
        return Mechanism.FOUND
    if Status.PASSED in statuses and not {Status.NOT_MEASURED, Status.MUTED} & set(statuses):
        return Mechanism.NOT_FOUND
    return Mechanism.NOT_MEASURED
