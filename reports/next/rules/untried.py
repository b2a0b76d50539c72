"""Rules for remedies that the evidence advises and no row has tried."""

from __future__ import annotations

from typing import ClassVar

from reports.next.candidates import candidates
from reports.next.given import Given
from reports.next.model import Proposal, Verdict
from reports.next.rule import NextRule
from reports.next.rules.winners import titles_of


class _Untried(NextRule):
    """Run the advice of the evidence as arms.

    Attributes:
        expected: only advice with this expected verdict is used.
    """

    expected: ClassVar[Verdict]

    def propose(self, given: Given) -> Proposal | None:
        found = candidates(given, given.ground, given.advice(), self.expected)
        if not found.arms:
            return None
        return Proposal(
            kind="next",
            does=given.text(f"next.{self.name}.does", titles=titles_of(given, found.reasons)),
            because=given.text(f"next.{self.name}.{self._because(given)}", n=len(found.reasons)),
            ground=given.ground,
            arms=found.arms,
            keys={"replicates": {"start": 3, "most": 5}},
            n_seeds=5,
            gain=found.gain,
            reasons=found.reasons,
            dropped=found.dropped,
        )

    def _because(self, given: Given) -> str:
        """Key of the sentence that gives the reason."""
        return "because"


class TryPredictedGains(_Untried):
    """Run the remedies with a predicted gain, each alone, and together where they compose."""

    name: ClassVar[str] = "try_predicted_gains"
    title: ClassVar[str] = "Try the remedies with a predicted gain"
    when: ClassVar[str] = (
        "A rule of the evidence predicts that a remedy is better than base; the remedy composes on this base, and "
        "neither base nor a row of this study has it. No arm of this study helped, or a search has confirmed it. At "
        "most 6 arms: the 4 largest predicted gains alone, then the best of them with each of the others, then all "
        "that compose together."
    )
    expects: ClassVar[str] = "Every arm is better than base; the file holds each predicted gain."
    expected: ClassVar[Verdict] = "better"

    def _because(self, given: Given) -> str:
        return "because_searched" if given.searched else "because_alone" if given.alone else "because"


class TryWhatMoves(_Untried):
    """Run the remedies that the evidence expects to change ranks, in either direction."""

    name: ClassVar[str] = "try_what_moves"
    title: ClassVar[str] = "Try the remedies that change ranks"
    when: ClassVar[str] = (
        "No rule of the evidence predicts an untried gain, and one predicts that a remedy changes ranks; the remedy "
        "composes on this base, and neither base nor a row of this study has it. At most 6 arms."
    )
    expects: ClassVar[str] = "Every arm changes ranks; the direction is open."
    expected: ClassVar[Verdict] = "moves"
