"""What a rule is: a condition on figures of the base run, and what it predicts that remedies would do there."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum

Figures = Mapping[str, float]
Settings = Mapping[str, float | int | str]


class Expected(Enum):
    """What a rule predicts of a remedy against base."""

    BETTER = "better"
    MOVES = "moves"
    IDLE = "idle"


@dataclass(frozen=True, slots=True, kw_only=True)
class Remedy:
    """An intervention as a study file names it.

    Attributes:
        id: such as ``wiring.interpolate``.
        settings: parameters that the evidence fixes; the rest are its defaults.
    """

    id: str
    settings: Settings = field(default_factory=dict[str, "float | int | str"])


@dataclass(frozen=True, slots=True, kw_only=True)
class Suggestion:
    """What a rule makes of the figures.

    Attributes:
        rule: its name.
        stacks: what it speaks of; each is one arm.
        expected: what is predicted of every one of them.
        gain: predicted difference in the primary metric of the diagnosis, where a figure gives one; else None.
        because: why, with the figures.
        weight: order among suggestions without a gain, the largest first.
    """

    rule: str
    stacks: tuple[tuple[Remedy, ...], ...]
    expected: Expected
    because: str
    gain: float | None = None
    weight: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """A rule of what to try.

    Attributes:
        name: short and stable, such as ``interpolate``.
        title: what it advises, in a few words.
        reads: figures that it needs; NaN in one of them and the rule is silent.
        holds: whether the figures call for it.
        stacks: what it speaks of, given the figures.
        expected: what it predicts of them.
        because: why, with the figures in braces, dots as underscores.
        gain: the predicted difference in NDCG@10, where a figure gives one.
        condition: when it holds, in words.
        weight: how early it comes among rules without a gain.
    """

    name: str
    title: str
    reads: tuple[str, ...]
    holds: Callable[[Figures], bool]
    stacks: Callable[[Figures], tuple[tuple[Remedy, ...], ...]]
    expected: Expected
    condition: str
    because: str
    gain: Callable[[Figures], float] | None = None
    weight: float = 0.0

    def __call__(self, figures: Figures) -> Suggestion | None:
        """What it makes of the figures of a base run; None where it does not hold or lacks a figure.

        Args:
            figures: name -> value, such as :func:`harness.checks.seeds.latest` gives.
        """
        read = {name: figures.get(name, math.nan) for name in self.reads}
        if any(math.isnan(value) for value in read.values()) or not self.holds(read):
            return None
        return Suggestion(
            rule=self.name,
            stacks=self.stacks(read),
            expected=self.expected,
            because=self.because.format(**{name.replace(".", "_"): value for name, value in read.items()}),
            gain=self.gain(read) if self.gain else None,
            weight=self.weight,
        )


def always(*stacks: str) -> Callable[[Figures], tuple[tuple[Remedy, ...], ...]]:
    """The same stacks whatever the figures; ``a + b`` is a stack of two."""
    fixed = tuple(tuple(Remedy(id=each) for each in stack.split(" + ")) for stack in stacks)
    return lambda _: fixed


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
