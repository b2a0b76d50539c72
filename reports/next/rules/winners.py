"""Rules for a study with an arm that helped: confirm it on fresh seeds, then make it the base."""

from __future__ import annotations

from typing import ClassVar

from harness.words import within_a_sentence
from reports.locale import formats
from reports.next.candidates import candidates, on_top
from reports.next.given import CONFIRMS, Given
from reports.next.model import Arm, Proposal
from reports.next.rule import NextRule
from reports.next.seeds import seeds_to_confirm
from reports.sections.report import Row


class AdoptWinner(NextRule):
    """Make a confirmed winner the base and try the advice of its own evidence on it."""

    name: ClassVar[str] = "adopt_winner"
    title: ClassVar[str] = "Make the confirmed winner the base"
    when: ClassVar[str] = (
        "The study confirms an earlier one (rule confirm_winner), and the arm to confirm is its best arm: better than "
        "base by more than the smallest effect worth having, with no guarded metric lowered."
    )
    expects: ClassVar[str] = (
        "What the rules of the evidence predict from the winner's own runs. If they predict no gain, no further study "
        "is written."
    )

    def propose(self, given: Given) -> Proposal | None:
        if given.searched or not given.confirms:
            return None
        winner = given.helped[0]
        ground = given.ground.on(given.stack_of(winner.name))
        because = given.text("next.adopt_winner.because", **_figures(given, winner))
        found = candidates(given, ground, given.advice(winner.name), "better", winner.name) if ground else None
        if ground is None or found is None or not found.arms:
            return Proposal(
                kind="done",
                does=given.text(
                    "next.adopt_winner.done" if ground else "next.adopt_winner.done_alone", arm=winner.name
                ),
                because=because,
                ground=given.ground,
            )
        return Proposal(
            kind="next",
            does=given.text("next.adopt_winner.does", arm=winner.name, titles=titles_of(given, found.reasons)),
            because=because,
            ground=ground,
            arms=found.arms,
            n_seeds=max(given.n_seeds, 3),
            reuses=False,
            gain=found.gain,
            reasons=found.reasons,
            dropped=found.dropped,
        )


class ConfirmWinner(NextRule):
    """Run the best arm, and the runner-up if the two cannot be separated, on seeds that were not used in the choice."""

    name: ClassVar[str] = CONFIRMS
    title: ClassVar[str] = "Confirm the winner on fresh seeds"
    when: ClassVar[str] = (
        "An arm is better than base by more than the smallest effect worth having, lowers no guarded metric, and the "
        "study is not yet its confirmation. Not after a search, which confirms on fresh seeds by itself. The runner-up "
        "joins if it is also better and its 95% interval of ranks includes the first place. If the evidence predicts "
        "gains that were not tried, the winner also runs with each of them that composes, at most two. For a winner "
        "with its own backbone, only its own evidence counts, and what was tried on that backbone."
    )
    expects: ClassVar[str] = (
        "The winner is better than base again, by a smaller gain: the best of several estimates is partly high by "
        "chance. The number of seeds, 3 to 10, detects the lower end of its interval with 80% power."
    )

    def propose(self, given: Given) -> Proposal | None:
        if given.searched or not given.helped:
            return None
        winner, *others = given.helped
        if not given.runs(winner):
            return None
        chosen = (winner, *(row for row in others if row.rank_low == 1 and given.runs(row)))[:2]
        more = on_top(given, winner)
        seeds = seeds_to_confirm(given, winner, n_arms=len(chosen) + len(more.arms))
        named = " / ".join(row.name for row in chosen)
        return Proposal(
            kind="confirm",
            does=given.text("next.confirm_winner.does_more", arms=named, n=seeds, titles=titles_of(given, more.reasons))
            if more.arms
            else given.text("next.confirm_winner.does", arms=named, n=seeds),
            because=given.text("next.confirm_winner.because", **_figures(given, winner)),
            ground=given.ground,
            arms=(*(arm_of(given, row, self.name) for row in chosen), *more.arms),
            reasons=more.reasons,
            keys={"seed": given.manifest.seed + 1, "replicates": seeds},
            n_seeds=seeds,
            fresh=True,
        )


def arm_of(given: Given, row: Row, rule: str) -> Arm:
    """A row of this study as an arm of the next one, expected to be better by its present effect."""
    return Arm(
        name=plain_name(row.name),
        stack=given.stack_of(row.name),
        rule=rule,
        expects="better",
        gain=row.effect,
        metric=given.section.analysis.primary,
        row=row.name,
        seconds=row.seconds,
    )


def plain_name(row: str) -> str:
    """A row's name as an arm name, which cannot contain brackets.

    >>> plain_name("weight[weight=0.003]")
    'weight weight=0.003'
    """
    return row.replace("[", " ").replace("]", "")


def titles_of(given: Given, reasons: tuple[object, ...]) -> str:
    """The titles of rules of the evidence, joined for use within a sentence."""
    titles = [str(getattr(each, "title", "")) for each in reasons]
    return given.text("list.notes").join(map(within_a_sentence, titles))


def _figures(given: Given, row: Row) -> dict[str, str]:
    low, high = formats.interval(row.adjusted, given.section.decimals)
    return {
        "arm": row.name,
        "metric": given.section.metric,
        "effect": formats.signed(row.effect, given.section.decimals),
        "relative": formats.percent(row.relative),
        "low": low,
        "high": high,
    }
