"""The stacks section as typed values: a factorial study, or a stack chosen arm by arm."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Interval = tuple[float, float]
TermState = Literal[
    "raises",
    "lowers",
    "open",
    "partial",
    "one_seed",
    "no_effect",
    "never_together",
    "no_contrast",
    "not_separable",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class StackArm:
    """An arm that takes part in stacks.

    Attributes:
        letter: the arm's letter in generators; empty in a greedy study.
    """

    name: str
    letter: str
    remedies: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class StackTerm:
    """A main effect or an interaction of two factors; values are None where nothing is estimated.

    Attributes:
        label: the factors as the page writes them.
        state: ``raises`` or ``lowers`` the metric after the correction, ``open``, ``one_seed``, ``no_effect`` (no rank
            differs), ``partial`` before the end, or why nothing is estimated.
        effect: for a main effect, the metric with the factor on minus off; for an interaction, the gain of both
            beyond the sum of the gains of each without the other.
        plain, adjusted: 95% interval of this term alone, and the simultaneous one for all terms.
        aliases: terms confounded with it, each with its sign.
    """

    factors: tuple[str, ...]
    label: str
    state: TermState
    state_text: str
    effect: float | None = None
    relative: float | None = None
    plain: Interval | None = None
    adjusted: Interval | None = None
    p: float | None = None
    p_holm: float | None = None
    method: str = ""
    aliases: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ShapleyShare:
    """A factor's Shapley value, its part of the whole stack's effect.

    Attributes:
        share: of the whole effect; None where the interval of the whole includes 0.
    """

    factor: str
    value: float
    low: float
    high: float
    share: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class MissingStack:
    """A combination that did not run.

    Attributes:
        smallest: whether it contains no smaller combination that did not run either.
    """

    arms: tuple[str, ...]
    reason: str
    smallest: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Factorial:
    """A factorial study.

    Attributes:
        sentence: the terms that differ from zero.
        notes: what is missing, and how to read the rest.
        n_runs: combinations of the design; `n_used` is the number that the estimates rest on.
        generators, relation, resolution: of a fractional design.
        aliases: a term and the terms it is confounded with, in letters.
        n_tests: terms that are corrected for together.
        shapley: empty where it does not exist; `shapley_text` gives the reason, or the sum of the values.
    """

    sentence: str
    notes: tuple[str, ...]
    fraction: str
    arms: tuple[StackArm, ...]
    n_runs: int
    n_used: int
    generators: tuple[str, ...]
    relation: tuple[str, ...]
    resolution: int | None
    aliases: tuple[tuple[str, str], ...]
    terms: tuple[StackTerm, ...]
    n_tests: int
    replicates: tuple[int, ...]
    shapley: tuple[ShapleyShare, ...]
    shapley_text: str
    missing: tuple[MissingStack, ...]

    @property
    def mains(self) -> tuple[StackTerm, ...]:
        return tuple(term for term in self.terms if len(term.factors) == 1)

    @property
    def pairs(self) -> tuple[StackTerm, ...]:
        return tuple(term for term in self.terms if len(term.factors) == 2)


@dataclass(frozen=True, slots=True, kw_only=True)
class GreedyTry:
    """An arm added to a stack, or a member removed from it, measured on the validation set.

    Attributes:
        state: ``tried``, ``failed`` or ``left_out``.
        gain: difference to the current stack, mean over the replicates of the search; `se` is its standard error.
    """

    arm: str
    state: str
    value: float | None
    gain: float | None
    se: float | None
    reason: str
    chosen: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class GreedyRound:
    """A round of a greedy search.

    Attributes:
        stack: the arms of the current stack.
        value: metric of that stack on the validation set.
        sentence: the arm that was chosen, or why none was.
    """

    number: int
    kind: str
    title: str
    stack: tuple[str, ...]
    value: float
    sentence: str
    tries: tuple[GreedyTry, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfirmedStack:
    """A stack of the greedy path, confirmed on fresh replicates.

    Attributes:
        row: its row in the ranking, which holds its other figures.
        last: whether it is the stack that was chosen.
    """

    row: str
    arms: tuple[str, ...]
    last: bool
    effect: float | None
    relative: float | None
    plain: Interval | None
    verdict: str
    verdict_text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Greedy:
    """A stack that was built arm by arm.

    Attributes:
        sentence: the stack, and the result of its confirmation.
        notes: how to read it.
        threshold: gain on the validation set that an arm had to reach, in units of the metric.
        replicates: those of the search.
        stack: the chosen stack, in the order in which its arms were added.
    """

    sentence: str
    notes: tuple[str, ...]
    threshold: float | None
    threshold_relative: float
    replicates: tuple[int, ...]
    arms: tuple[StackArm, ...]
    rounds: tuple[GreedyRound, ...]
    stack: tuple[str, ...]
    confirmed: tuple[ConfirmedStack, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Stacks:
    """The results of a study of stacks: one of the two is None."""

    factorial: Factorial | None = None
    greedy: Greedy | None = None
