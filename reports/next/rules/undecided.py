"""The rule for arms without a clear verdict: more seeds, or more targets per user."""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar

from reports.next.candidates import MOST_ARMS
from reports.next.given import Given
from reports.next.model import Arm, Proposal, Verdict
from reports.next.rule import NextRule
from reports.next.rules.winners import arm_of
from reports.next.seeds import seed_of, targets_of
from reports.sections.report import Row

MOST_TO_DECIDE = 20
"""Most seeds that an undecided arm may need; arms that need more are left out."""


class DecideArms(NextRule):
    """Run the undecided arms again, with enough seeds or targets per user to decide them."""

    name: ClassVar[str] = "decide_arms"
    title: ClassVar[str] = "Decide the undecided arms"
    when: ClassVar[str] = (
        "The study has ended and is not a search, and an arm is inconclusive or has fewer than three seeds. Only "
        "undecided arms run, at most 6, those that need the fewest seeds first. The seeds continue, so that records of "
        "this study are reused. After mode greedy, all seeds are fresh, because the first ones chose the stacks. Arms "
        "that need more than 20 seeds are left out. If no arm is left, the targets per user are raised for those that "
        "more targets would decide."
    )
    expects: ClassVar[str] = "Every arm gets a verdict if its estimate does not change."

    def propose(self, given: Given) -> Proposal | None:
        rows = tuple(row for row in given.undecided if given.runs(row))
        if given.searched or not rows:
            return None
        needs = {row.name: n for row in rows if (n := _seeds(row)) is not None and n <= MOST_TO_DECIDE}
        chosen = sorted((row for row in rows if row.name in needs), key=lambda row: needs[row.name])[:MOST_ARMS]
        if not chosen:
            return self._by_targets(given, rows)
        n_seeds = max(needs[row.name] for row in chosen)
        return Proposal(
            kind="next",
            does=given.text(
                f"next.decide_arms.does_{'fresh' if given.fresh else 'seeds'}", arms=_named(given, chosen), n=n_seeds
            ),
            because=given.text("next.decide_arms.because_seeds", n=len(rows), needed=n_seeds, have=given.n_seeds),
            ground=given.ground,
            arms=tuple(_expected(given, row, self.name) for row in chosen),
            keys={**seed_of(given), "replicates": n_seeds},
            n_seeds=n_seeds,
            fresh=given.fresh,
        )

    def _by_targets(self, given: Given, rows: tuple[Row, ...]) -> Proposal | None:
        chosen = [row for row in rows if row.targets_needed is not None][:MOST_ARMS]
        if not chosen:
            return None
        targets = max(row.targets_needed or 1 for row in chosen)
        arms = (_expected(given, row, self.name) for row in chosen)
        return Proposal(
            kind="next",
            does=given.text("next.decide_arms.does_targets", arms=_named(given, chosen), n=targets),
            because=given.text("next.decide_arms.because_targets", n=len(rows), needed=targets),
            ground=given.ground,
            arms=tuple(replace(arm, row="") for arm in arms),
            keys={**seed_of(given), "protocol": targets_of(given, targets), "replicates": max(given.n_seeds, 3)},
            n_seeds=max(given.n_seeds, 3),
            fresh=given.fresh,
            reuses=False,
        )


def _seeds(row: Row) -> int | None:
    """Seeds that would decide the arm; three if it has had no test yet."""
    return 3 if row.verdict in ("one_seed", "two_seeds") else row.seeds_needed


def _expected(given: Given, row: Row, rule: str) -> Arm:
    """The row as an arm, with the verdict expected if its estimate does not change."""
    arm = arm_of(given, row, rule)
    effect = row.effect or 0.0
    verdict: Verdict | None = "better" if effect >= given.sesoi else "equivalent" if effect > -given.sesoi else None
    return replace(arm, expects=verdict, gain=effect if verdict == "better" else None)


def _named(given: Given, rows: list[Row]) -> str:
    return given.text("list.comma").join(row.name for row in rows)
