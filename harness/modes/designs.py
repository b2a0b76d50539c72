"""Two-level factorial designs: which combinations of factors run, and which effects a fraction confounds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, reduce
from itertools import combinations
from operator import xor

from harness.errors import InputError

LETTERS = "ABCDEFGH"
"""Names of the factors in generators, by position."""

MOST_FACTORS = len(LETTERS)
LONGEST_ALIAS = 3
"""Terms of more factors are left out of the lists of aliases."""

Term = tuple[int, ...]
"""Positions of the factors of a main effect or an interaction, ascending."""


class DesignError(InputError):
    """A design that cannot be made; the text says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Alias:
    """Terms that the runs of a fraction cannot tell apart.

    Attributes:
        term: the shortest of them.
        others: each with its sign, +1 or -1; the contrast of ``term`` is the other's contrast times the sign.
    """

    term: Term
    others: tuple[tuple[int, Term], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Design:
    """A full or fractional factorial design; the run with every factor off comes first.

    Attributes:
        n_factors: at most 8.
        generators: the factors defined by others, such as ``D = ABC``; empty for a full design.
        relation: each word of the defining relation with its sign, the shortest first; empty for a full design.
        runs: the factors that are on in each run; runs with the fewest come first.
    """

    n_factors: int
    generators: tuple[str, ...]
    relation: tuple[tuple[int, Term], ...]
    runs: tuple[Term, ...]

    @property
    def resolution(self) -> int | None:
        """Length of the shortest word of the defining relation; None for a full design."""
        return min((len(word) for _, word in self.relation), default=None)

    def aliases(self) -> tuple[Alias, ...]:
        """The aliases of main effects and two-factor interactions, up to interactions of three factors."""
        found: list[Alias] = []
        seen: set[Term] = set()
        for term in terms(self.n_factors):
            if term in seen:
                continue
            others = [(sign, product(term, word)) for sign, word in self.relation]
            others = sorted(
                (each for each in others if 0 < len(each[1]) <= LONGEST_ALIAS), key=lambda each: (len(each[1]), each[1])
            )
            seen |= {other for _, other in others}
            if others:
                found.append(Alias(term=term, others=tuple(others)))
        return tuple(found)


def terms(n_factors: int) -> tuple[Term, ...]:
    """All main effects, then all two-factor interactions.

    >>> terms(3)
    ((0,), (1,), (2,), (0, 1), (0, 2), (1, 2))
    """
    return (*((place,) for place in range(n_factors)), *combinations(range(n_factors), 2))


def letters(term: Sequence[int]) -> str:
    """A term as the letters of its factors.

    >>> letters((0, 3))
    'AD'
    """
    return "".join(LETTERS[place] for place in term)


def product(one: Term, two: Term) -> Term:
    """The term whose contrast is the product of two terms' contrasts; factors in both cancel.

    >>> product((0, 1), (1, 2))
    (0, 2)
    """
    return tuple(sorted(set(one) ^ set(two)))


def full_design(n_factors: int) -> Design:
    """The design with every combination of the factors."""
    runs = [term for size in range(n_factors + 1) for term in combinations(range(n_factors), size)]
    return Design(n_factors=n_factors, generators=(), relation=(), runs=tuple(runs))


@cache
def fractional_design(n_factors: int, n_halvings: int) -> Design:
    """The least confounded ``2^(k - p)`` fraction that includes the run with every factor off.

    The generators come from `pydoe`'s search. Each gets the sign that keeps the run with every factor off, because
    that run is base.

    Args:
        n_factors: k, at most 8.
        n_halvings: p, from 1.

    Raises:
        DesignError: there are too few runs to tell main effects apart.

    Source: Box, Hunter and Hunter, Statistics for Experimenters, 2nd ed., 2005, chapter 6.
    """
    import numpy as np
    from pydoe import fracfact, fracfact_opt

    n_free = n_factors - n_halvings
    if n_free < 1 or n_halvings > 2**n_free - n_free - 1:
        raise DesignError(
            f"a fraction 1/{2**n_halvings} of the combinations of {n_factors} factors has too few runs to tell their "
            "main effects apart; use a larger one"
        )
    words = str(fracfact_opt(n_factors, n_halvings)[0]).split(" ")
    signed = ["-" + word if len(word) % 2 == 0 else word for word in words]
    matrix = fracfact(" ".join(signed))
    runs = {tuple(np.flatnonzero(row > 0).tolist()) for row in matrix}
    defining: list[tuple[int, Term]] = []
    generators: list[str] = []
    for place, word in enumerate(words):
        if len(word) > 1:
            factors = tuple(sorted(ord(letter) - ord("a") for letter in word))
            sign = -1 if len(word) % 2 == 0 else 1
            defining.append((sign, (*factors, place)))
            generators.append(f"{LETTERS[place]} = {'-' if sign < 0 else ''}{letters(factors)}")
    return Design(
        n_factors=n_factors,
        generators=tuple(generators),
        relation=_relation(defining),
        runs=tuple(sorted(runs, key=lambda run: (len(run), run))),
    )


def _relation(defining: Sequence[tuple[int, Term]]) -> tuple[tuple[int, Term], ...]:
    """The defining relation: every product of the generators' words, the shortest first."""
    group: list[tuple[int, Term]] = []
    for size in range(1, len(defining) + 1):
        for chosen in combinations(defining, size):
            mask = reduce(xor, (sum(1 << place for place in word) for _, word in chosen))
            sign = reduce(lambda one, two: one * two, (sign for sign, _ in chosen))
            group.append((sign, tuple(place for place in range(MOST_FACTORS) if mask >> place & 1)))
    return tuple(sorted(group, key=lambda each: (len(each[1]), each[1])))
