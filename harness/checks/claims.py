"""Whether the evidence supports the ten claims of the problem list, and whether a study confirms a prediction."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

from harness.checks.base import Bearing, Check, Expected, Outcome, Status
from harness.checks.catalogue import CHECKS
from harness.checks.families import FAMILIES


class Mechanism(Enum):
    """Whether the mechanism of a claim is present."""

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
        """Codes of the checks that look for the mechanism; a single issue among them means that it is found."""
        return tuple(code for code, check in CHECKS.items() if self._decides(check))

    @property
    def besides(self) -> tuple[str, ...]:
        """Codes of the checks that show other obstacles to the family's remedies."""
        shown = ((code, check, self.family in (check.claim, *check.besides)) for code, check in CHECKS.items())
        return tuple(code for code, check, here in shown if here and not self._decides(check))

    def _decides(self, check: Check) -> bool:
        return check.claim == self.family and check.bearing is Bearing.DECIDES


CLAIMS = tuple(Claim(family=each.name, number=each.number, says=each.claim) for each in FAMILIES if each.number)


def judge(claim: Claim, found: Mapping[str, Outcome]) -> Mechanism:
    """Whether the claim's mechanism is present.

    ``CANNOT_TELL`` if a deciding check cannot tell and none is an issue. ``NOT_FOUND`` needs at least one deciding
    check that passed, and none that was not measured or is muted.

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
    """The outcome of a prediction."""

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
