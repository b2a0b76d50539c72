"""The stacks part of the report as typed values: a factorial study, or a stack chosen arm by arm."""

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
    """An arm that is stacked.

    Attributes:
        letter: by which generators name it; empty in a greedy study.
    """

    name: str
    letter: str
    remedies: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class StackTerm:
    """A main effect or an interaction of two; None where nothing is estimated.

    Attributes:
        label: its factors as the page writes them.
        state: ``raises`` or ``lowers`` the metric after the correction, ``open``, ``one_seed``, ``no_effect`` (no rank
            differs), ``partial`` before the end, or why nothing is estimated.
        effect: of a main effect, the metric with the factor on less off; of an interaction, what both give beyond the
            sum of what each gives without the other.
        plain, adjusted: 95% interval of this term alone, and the one that holds for all terms at once.
        aliases: terms that stand in it, each with its sign.
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
    """A factor's part of the whole stack's effect.

    Attributes:
        share: of the whole; None where the whole may be 0.
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
        smallest: it holds no smaller one that did not run either.
    """

    arms: tuple[str, ...]
    reason: str
    smallest: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Factorial:
    """A factorial study.

    Attributes:
        sentence: what differs from zero.
        notes: what is missing, and how to read the rest.
        n_runs: combinations of the design; `n_used` those that the estimates rest on.
        generators, relation, resolution: of a fraction.
        aliases: a term and what it is confounded with, in letters.
        n_tests: terms that are corrected for together.
        shapley: empty where it does not exist; `shapley_text` says why, or what they sum to.
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
    """An arm tried on a stack, or a member tried without, on valid.

    Attributes:
        state: ``tried``, ``failed`` or ``left_out``.
        gain: difference to the stack at hand, mean over the replicates of the search; `se` its standard error.
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
    """A round of the choice.

    Attributes:
        stack: the arms at hand.
        value: of that stack on valid.
        sentence: what was chosen, and why nothing was.
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
    """A stack on the way, on fresh replicates.

    Attributes:
        row: of the ranking, where the rest of its figures stands.
        last: it is the stack that was chosen.
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
        sentence: the stack, and what its confirmation says.
        notes: how to read it.
        threshold: what an arm had to add on valid, in units of the metric.
        replicates: of the search.
        stack: the one that was chosen, in the order in which its arms were taken.
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
    """Either of the two."""

    factorial: Factorial | None = None
    greedy: Greedy | None = None
