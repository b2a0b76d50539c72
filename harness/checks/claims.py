"""Whether evidence bears out the ten claims of the problem list, and whether a study bears out a prediction."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

from harness.checks.base import Bearing, Check, Expected, Outcome, Status
from harness.checks.catalogue import CHECKS
from harness.checks.families import FAMILIES


class Mechanism(Enum):
    """Whether what a claim says holds FTragrec back is there."""

    FOUND = "found"
    NOT_FOUND = "not_found"
    CANNOT_TELL = "cannot_tell"
    NOT_MEASURED = "not_measured"


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """A mechanism that is said to hold FTragrec back.

    Attributes:
        family: of its remedies.
        number: of the problem, from 1 to 10.
        says: the claim, a sentence.
    """

    family: str
    number: int
    says: str

    @property
    def decided_by(self) -> tuple[str, ...]:
        """Codes of the checks that look for the mechanism; one issue among them and it is found."""
        return tuple(code for code, check in CHECKS.items() if self._decides(check))

    @property
    def besides(self) -> tuple[str, ...]:
        """Codes of the checks that show what else stands in the way of the family's remedies."""
        shown = ((code, check, self.family in (check.claim, *check.besides)) for code, check in CHECKS.items())
        return tuple(code for code, check, here in shown if here and not self._decides(check))

    def _decides(self, check: Check) -> bool:
        return check.claim == self.family and check.bearing is Bearing.DECIDES


CLAIMS = tuple(Claim(family=each.name, number=each.number, says=each.claim) for each in FAMILIES if each.number)


def judge(claim: Claim, found: Mapping[str, Outcome]) -> Mechanism:
    """Whether the claim's mechanism is there.

    It cannot be told where a deciding check cannot tell and none is an issue. Not found needs every deciding check that
    can be asked to have passed, and at least one of them.

    Args:
        claim: the claim.
        found: code -> the check over the runs of one arm, base's as a rule.
    """
    statuses = [found[code].status for code in claim.decided_by]
    if Status.ISSUE in statuses:
        return Mechanism.FOUND
    if Status.CANNOT_TELL in statuses:
        return Mechanism.CANNOT_TELL
    if Status.PASSED in statuses and not {Status.NOT_MEASURED, Status.MUTED} & set(statuses):
        return Mechanism.NOT_FOUND
    return Mechanism.NOT_MEASURED


class Confirmation(Enum):
    """What became of a prediction."""

    CONFIRMED = "confirmed"
    REFUTED = "refuted"
    OPEN = "open"


def confirmed(expected: Expected, verdict: str, *, moved: bool) -> Confirmation:
    """Compare a prediction with a study's verdict.

    Args:
        expected: what a rule predicted.
        verdict: ``better``, ``worse``, ``equivalent`` or ``inconclusive``.
        moved: whether any user's rank differs from base's.
    """
    if expected is Expected.MOVES:
        return Confirmation.CONFIRMED if moved else Confirmation.REFUTED
    if expected is Expected.BETTER:
        outcome = {"better": Confirmation.CONFIRMED, "inconclusive": Confirmation.OPEN}
        return outcome.get(verdict, Confirmation.REFUTED)
    if not moved or verdict in ("equivalent", "worse"):
        return Confirmation.CONFIRMED
    return Confirmation.REFUTED if verdict == "better" else Confirmation.OPEN
