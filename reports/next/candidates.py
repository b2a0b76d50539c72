"""Untried arms that the evidence advises: each alone, and together where they compose."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.checks.base import Remedy
from harness.results.manifest import BACKBONE, BASE
from reports.next.given import Given
from reports.next.model import Arm, Reason, Verdict
from reports.sections.evidence.predictions.build import Advice
from reports.sections.report import Row

if TYPE_CHECKING:
    from harness.study.stacking import Ground

MOST_ARMS = 6
MOST_ALONE = 4
"""Single arms kept if stacks of several pieces of advice follow."""

MOST_DROPPED = 3

MOST_ON_TOP = 2
"""Stacks of a winner and an untried remedy, in the study that confirms the winner."""

FILTER = "wiring.filter_seen"

METRIC = "ndcg@10"
"""The metric of predicted gains."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidates:
    """Arms to try.

    Attributes:
        arms: largest predicted gain first, stacks of several pieces of advice last.
        reasons: the rules of the evidence behind the arms.
        gain: the largest predicted gain; None if none is predicted.
        dropped: stacks that do not compose, each with the reason.
    """

    arms: tuple[Arm, ...]
    reasons: tuple[Reason, ...]
    gain: float | None
    dropped: tuple[str, ...]


def candidates(
    given: Given, ground: Ground, advice: Sequence[Advice], expected: Verdict, row: str = BASE
) -> Candidates:
    """Return the untried arms from the advice with this expectation, composed on a ground.

    Args:
        given: the study.
        ground: base and protocol that the arms are composed on.
        advice: largest gain first.
        expected: ``better`` or ``moves``.
        row: the row whose evidence gave the advice.
    """
    base = frozenset(each.id for each in ground.remedies)
    more = base - {each.id for each in given.ground.remedies}  # remedies of an arm that join the base of the next study

    model = _backbones(more)

    def new(ids: Sequence[str]) -> bool:
        """Whether they are untried on that backbone, alone and with the base's new members, and not all in the base."""
        tried = given.tried((*model, *ids)) or (more and given.tried((*more, *ids)))
        return not tried and not frozenset(ids) <= base

    better = [stack for each in advice if each.expected == "better" for stack in each.stacks]
    hides = any(each.ids == (FILTER,) and new(each.ids) and not ground.refusal(each.remedies) for each in better)
    alone: list[Arm] = []
    reasons: list[Reason] = []
    dropped: list[str] = []
    for each in advice:
        if each.expected != expected:
            continue
        found: list[Arm] = []
        for stack in each.stacks:
            if not new(stack.ids) or _has(alone, stack.ids) or (hides and given.vanishes(stack.ids, row)):
                continue
            if refusal := ground.refusal(stack.remedies):
                dropped.append(f"{stack.text}: {refusal}")
            else:
                found.append(
                    Arm(
                        name=name_of(stack.remedies),
                        stack=stack.remedies,
                        rule=each.rule,
                        expects=expected,
                        gain=each.gain,
                    )
                )
        if found:
            alone += found
            reasons.append(_reason(each))
    chosen = alone[: MOST_ALONE if expected == "better" else MOST_ARMS]
    together, refused = _together(chosen, ground) if expected == "better" else ([], [])
    gains = [arm.gain for arm in chosen if arm.gain is not None]
    arms = (*chosen, *(arm for arm in together if not given.tried((*model, *arm.ids))))[:MOST_ARMS]
    rules = {rule for arm in arms for rule in arm.rule.split("+")}
    return Candidates(
        arms=arms,
        reasons=tuple(each for each in reasons if each.name in rules),
        gain=max(gains, default=None),
        dropped=tuple((*dropped, *refused)[:MOST_DROPPED]),
    )


def on_top(given: Given, winner: Row) -> Candidates:
    """Return stacks of the winner with each untried remedy that is predicted to be better, the best two.

    Each stack is expected to gain the larger of the two gains.  For a winner on another backbone, only its own evidence
    counts, and only what was tried on that backbone.
    """
    own = given.stack_of(winner.name)
    has = frozenset(each.id for each in own)
    arms: list[Arm] = []
    reasons: list[Reason] = []
    model = _backbones(has)
    row = winner.name if model or given.advice(winner.name) else BASE
    for each in given.advice(row):
        for stack in each.stacks:
            if FILTER in has and given.vanishes(stack.ids, row):
                continue
            whole, ids = (*own, *stack.remedies), has | frozenset(stack.ids)
            known = given.tried((*model, *stack.ids)) or given.tried(sorted(ids)) or bool(has & frozenset(stack.ids))
            if each.expected != "better" or known or given.ground.refusal(whole) or _has(arms, sorted(ids)):
                continue
            gains = [gain for gain in (winner.effect, each.gain) if gain is not None]
            same = given.section.analysis.primary == METRIC
            name = name_of(whole)
            arms.append(
                Arm(name=name, stack=whole, rule=each.rule, expects="better", gain=max(gains) if same else each.gain)
            )
            reasons.append(_reason(each))
    arms = arms[:MOST_ON_TOP]
    rules = {arm.rule for arm in arms}
    return Candidates(
        arms=tuple(arms),
        reasons=tuple(each for each in dict.fromkeys(reasons) if each.name in rules),
        gain=max((arm.gain for arm in arms if arm.gain is not None), default=None),
        dropped=(),
    )


def _backbones(ids: Collection[str]) -> tuple[str, ...]:
    """The remedies that choose another backbone; results on base's backbone do not apply there."""
    return tuple(each for each in ids if each.startswith(BACKBONE))


def _reason(advice: Advice) -> Reason:
    return Reason(
        name=advice.rule,
        title=advice.title,
        because=advice.because,
        expects=advice.expected_text,
        page=f"rules/{advice.rule}.md",
        gain=advice.gain,
    )


def name_of(stack: Sequence[Remedy]) -> str:
    """The name of an arm: its remedies' ids without the group.

    >>> name_of([Remedy(id="wiring.overlap"), Remedy(id="wiring.product")])
    'overlap+product'
    """
    return "+".join(each.id.partition(".")[2] for each in stack)


def _has(arms: Sequence[Arm], ids: Sequence[str]) -> bool:
    return any(arm.ids == frozenset(ids) for arm in arms)


def _together(alone: Sequence[Arm], ground: Ground) -> tuple[list[Arm], list[str]]:
    """Stacks of arms from different rules (the best with each other arm, then all that compose), and the refusals.

    An arm joins the last stack if it composes with the stack so far, in the order of the predicted gains.
    """
    pairs: list[Arm] = []
    refused: list[str] = []
    whole = alone[0] if alone else None
    for other in alone[1:]:
        pair = _joined(alone[0], other)
        if pair is None:
            continue
        if refusal := ground.refusal(pair.stack):
            refused.append(f"{pair.name}: {refusal}")
            continue
        pairs.append(pair)
        larger = whole and _joined(whole, other)
        if larger is not None and not ground.refusal(larger.stack):
            whole = larger
    more = [whole] if whole is not None and pairs and whole.name != pairs[0].name else []
    return [*pairs, *more], refused


def _joined(one: Arm, other: Arm) -> Arm | None:
    """Two arms as one stack, expected to gain at least the larger of the two gains.

    Returns:
        None if they come from one rule, whose arms are alternatives, or share a remedy.
    """
    if set(one.rule.split("+")) & set(other.rule.split("+")) or one.ids & other.ids:
        return None
    stack = (*one.stack, *other.stack)
    gains = [each for each in (one.gain, other.gain) if each is not None]
    return Arm(
        name=name_of(stack),
        stack=stack,
        rule=f"{one.rule}+{other.rule}",
        expects="better",
        gain=max(gains, default=None),
    )
