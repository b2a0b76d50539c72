"""The ten claims of the diagnosis that the remedies come from, and which checks say whether each is so."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

from harness.diagnostics.checks import Status
from harness.diagnostics.seeds import Summary


class Mechanism(Enum):
    """Whether what a claim says holds FTragrec back is there."""

    FOUND = "found"
    NOT_FOUND = "not_found"
    NOT_MEASURED = "not_measured"


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """A mechanism that is said to hold FTragrec back.

    Attributes:
        number: of the problem, from 1 to 10.
        family: of its remedies.
        says: the claim, a sentence.
        decided_by: codes of the checks that look for the mechanism; one issue among them and it is found.
        besides: codes of the checks that show what else stands in the way of the family's remedies.
    """

    number: int
    family: str
    says: str
    decided_by: tuple[str, ...]
    besides: tuple[str, ...] = ()


CLAIMS: tuple[Claim, ...] = (
    Claim(
        number=1,
        family="kl",
        says="The KL term makes the retriever imitate the fixed recommender, so it brings no new information.",
        decided_by=("FTR103",),
        besides=("FTR101", "FTR102"),
    ),
    Claim(
        number=2,
        family="training",
        says="The backbone is frozen and carries most of the mixture, so recommendation cannot adapt to retrieval.",
        decided_by=("FTR201",),
        besides=("FTR202", "FTR203"),
    ),
    Claim(
        number=3,
        family="index",
        says="The memory goes stale, a refresh brings nothing new, and bad neighbours get in.",
        decided_by=("FTR301", "FTR302", "FTR304"),
        besides=("FTR303",),
    ),
    Claim(
        number=4,
        family="fusion",
        says="One fixed alpha cannot weigh the two sources for each user.",
        decided_by=("FTR403",),
        besides=("FTR401", "FTR402", "FTR404"),
    ),
    Claim(
        number=5,
        family="loss",
        says="With fixed weights one term of the loss dominates or works against another.",
        decided_by=("FTR501", "FTR502"),
        besides=("FTR201",),
    ),
    Claim(
        number=6,
        family="temperature",
        says="A temperature of .07 makes the attention pick one neighbour and ignore the others.",
        decided_by=("FTR601",),
        besides=("FTR602",),
    ),
    Claim(
        number=7,
        family="retriever",
        says="The retriever starts unaligned and then fits what valid does not have.",
        decided_by=("FTR701",),
        besides=("FTR702",),
    ),
    Claim(
        number=8,
        family="evaluation",
        says="Training and evaluation retrieve differently, so what is trained is not what is judged.",
        decided_by=("FTR801",),
        besides=("FTR802",),
    ),
    Claim(
        number=9,
        family="scope",
        says="The length filter keeps useful entries out of the memory.",
        decided_by=("FTR901",),
    ),
    Claim(
        number=10,
        family="search",
        says="Approximate search loses neighbours, and those it finds repeat each other.",
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
