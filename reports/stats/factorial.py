"""Main effects, interactions and Shapley values of a factorial study, all from the paired differences by seed and user.

A contrast of cells is itself a table of differences (seeds by users), so its estimate, test and interval are computed
exactly as an arm's are.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from math import factorial
from typing import Literal

import numpy as np

from harness.results.deltas import Deltas
from harness.results.frame import Frame
from harness.results.manifest import BASE
from harness.stats.effects import Effect, Floats, study_effects
from reports.stats.progress import Progress, progress_of, untested
from reports.stats.verdicts import ALPHA, holm

Factors = tuple[str, ...]
"""A term (one factor for a main effect, two for an interaction), or the factors that are on in a run."""

Why = Literal["", "never_together", "no_contrast", "not_separable"]

MOST_SHAPLEY = 6
_DUST = 1e-9
_ROUNDING = 1e-12
_WHOLE, _BEYOND = "\t\twhole", "\t\tbeyond"
"""Keys of contrasts that are not terms; no term has these keys, because factor names contain no tab."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TermEffect:
    """A main effect or an interaction.

    Attributes:
        factors: one or two factors.
        aliases: terms that the runs cannot separate from this one, each with its sign. The estimate is this term plus
            sign times the alias, in effect coding.
        why: the reason if there is no estimate, else empty.
        weights: row -> weight of its metric in the contrast.
        effect: None without an estimate; its p is unadjusted.
        p_holm: adjusted over all tested terms; None with one seed, before the study ends, or if no rank differs.
    """

    factors: Factors
    aliases: tuple[tuple[int, Factors], ...] = ()
    why: Why = ""
    weights: Mapping[str, float]
    effect: Effect | None = None
    p_holm: float | None = None
    n_tests: int = 0

    def adjusted(self) -> tuple[float, float] | None:
        """The simultaneous interval over all terms (Bonferroni); None if the term is not tested."""
        if self.effect is None or self.p_holm is None:
            return None
        return self.effect.interval(1.0 - ALPHA / self.n_tests)


@dataclass(frozen=True, slots=True, kw_only=True)
class Shapley:
    """The effect of the whole stack, divided among its factors.

    Attributes:
        values: factor -> its Shapley value; they sum to `total`.
        total: the effect of the whole stack.
        beyond: the effect of the whole stack minus the sum of the effects of each factor alone.
    """

    values: Mapping[str, Effect]
    total: Effect
    beyond: Effect


@dataclass(frozen=True, slots=True, kw_only=True)
class FactorialAnalysis:
    """The estimates of a factorial study.

    Attributes:
        factors: factor names in the order of the study file.
        rows: each row whose cells are used (base first) -> the factors that are on.
        unfinished: rows without a finished run.
        replicates: replicates that are finished in every used row.
        terms: main effects, then interactions.
        shapley: None if a combination is missing or there are more than six factors.
    """

    factors: Factors
    rows: Mapping[str, Factors]
    unfinished: tuple[str, ...]
    replicates: tuple[int, ...]
    terms: tuple[TermEffect, ...]
    shapley: Shapley | None

    @property
    def n_tests(self) -> int:
        """Number of terms in the Holm correction."""
        return sum(term.p_holm is not None for term in self.terms)


def factorial_analysis(frame: Frame) -> FactorialAnalysis | None:
    """Return the estimates of a factorial study; None for other studies, or if base and the rest share no replicate."""
    course = frame.manifest.course
    if course.get("mode") != "factorial":
        return None
    factors = tuple(str(each["name"]) for each in course["factors"])
    planned: dict[str, Factors] = {str(row): tuple(on) for row, on in course["cells"].items()}
    rows = {row: on for row, on in planned.items() if frame.replicates(row)}
    unfinished = tuple(row for row in planned if row not in rows)
    common = set(frame.manifest.replicates).intersection(*(frame.replicates(row) for row in rows))
    if BASE not in rows or len(rows) < 2 or not common:
        return None
    replicates = tuple(sorted(common))
    found = separate(factors, rows)
    whole = len(rows) == 2 ** len(factors) and len(factors) <= MOST_SHAPLEY
    shares = shapley_weights(factors, rows) if whole else {}
    contrasts = {_key(each.factors): each.weights for each in found if not each.why}
    tables = _tables(frame, rows, replicates, {**contrasts, **shares})
    return FactorialAnalysis(
        factors=factors,
        rows=rows,
        unfinished=unfinished,
        replicates=replicates,
        terms=_estimated(found, {key: tables[key] for key in contrasts}, progress_of(frame)),
        shapley=_shapley(factors, {key: tables[key] for key in shares}) if whole else None,
    )


def separate(factors: Factors, rows: Mapping[str, Factors]) -> tuple[TermEffect, ...]:
    """Return every main effect and two-factor interaction with its contrast weights, or the reason for having none.

    Effect coding: a factor is +1 where it is on and -1 where it is off; an interaction is the product.  The model has
    all terms that the runs allow, and the weights are the least-squares weights; if every combination was run, they are
    plain differences of means.  A main effect is the metric with the factor on minus the metric with it off, averaged
    over the levels of the others.  An interaction is the joint effect of two factors minus the sum of the effects of
    each one without the other, which is four times its coefficient.

    Args:
        factors: all factors of the study.
        rows: each row that was run -> the factors that are on.
    """
    signs = {name: np.array([1.0 if name in on else -1.0 for on in rows.values()]) for name in factors}
    every: list[Factors] = [*((name,) for name in factors), *combinations(factors, 2)]
    columns = {term: np.prod([signs[name] for name in term], axis=0) for term in every}
    why: dict[Factors, Why] = {}
    for term, column in columns.items():
        if len(term) == 2 and not any(set(term) <= set(on) for on in rows.values()):
            why[term] = "never_together"
        elif abs(column.sum()) == len(rows):
            why[term] = "no_contrast"
    first, aliases = _chains({term: column for term, column in columns.items() if term not in why})
    model = np.column_stack([np.ones(len(rows)), *(columns[term] for term in first)])
    inverse = np.linalg.pinv(model)
    estimable = np.abs(inverse @ model - np.eye(model.shape[1])).max(axis=1) < _DUST
    found: list[TermEffect] = []
    for term in every:
        weights: dict[str, float] = {}
        reason = why.get(term, "")
        if term in first:
            place = 1 + first.index(term)
            if estimable[place]:
                scale = 2.0 if len(term) == 1 else 4.0
                weights = dict(zip(rows, (scale * inverse[place]).tolist(), strict=True))
            else:
                reason = "not_separable"
        elif not reason:
            continue  # listed as an alias of another term
        found.append(TermEffect(factors=term, aliases=tuple(aliases.get(term, ())), why=reason, weights=weights))
    return tuple(found)


def shapley_weights(factors: Factors, rows: Mapping[str, Factors]) -> dict[str, dict[str, float]]:
    """Weights of each factor's Shapley value, of the whole stack, and of the stack minus the sum of its single factors.

    A factor's value is its gain over the factors switched on before it, averaged over all orders.

    Source: Shapley, A Value for n-Person Games, 1953.
    """
    row_of = {frozenset(on): row for row, on in rows.items()}
    n_factors = len(factors)
    weights: dict[str, dict[str, float]] = {}
    for name in factors:
        others = [other for other in factors if other != name]
        mine: dict[str, float] = {}
        for size in range(n_factors):
            share = factorial(size) * factorial(n_factors - size - 1) / factorial(n_factors)
            for before in combinations(others, size):
                mine[row_of[frozenset(before)]] = mine.get(row_of[frozenset(before)], 0.0) - share
                mine[row_of[frozenset((*before, name))]] = share
        weights[f"\t{name}"] = mine
    whole, none = row_of[frozenset(factors)], row_of[frozenset()]
    weights[_WHOLE] = {whole: 1.0, none: -1.0}
    alone = {row_of[frozenset((name,))]: -1.0 for name in factors}
    weights[_BEYOND] = {whole: 1.0, **alone, none: n_factors - 1.0}
    return weights


def _chains(columns: Mapping[Factors, Floats]) -> tuple[list[Factors], dict[Factors, list[tuple[int, Factors]]]]:
    """Terms with distinct columns, and for each of them its aliases: terms with the same or the negated column."""
    first: list[Factors] = []
    aliases: dict[Factors, list[tuple[int, Factors]]] = {}
    for term, column in columns.items():
        for other in first:
            agreement = float(column @ columns[other])
            if abs(agreement) == column.size:
                aliases.setdefault(other, []).append((1 if agreement > 0.0 else -1, term))
                break
        else:
            first.append(term)
    return first, aliases


def _key(term: Factors) -> str:
    return "\t".join(term)


def _tables(
    frame: Frame, rows: Iterable[str], replicates: Sequence[int], contrasts: Mapping[str, Mapping[str, float]]
) -> dict[str, Deltas]:
    """Every contrast by seed and user, computed with the values of one row in memory at a time."""
    metric = frame.manifest.primary
    sums = {key: np.zeros((len(replicates), frame.n_users)) for key in contrasts}
    for row in rows:
        values = frame.values(row, metric, replicates=replicates)
        for key, weights in contrasts.items():
            if weights.get(row):
                sums[key] += weights[row] * values
    reference = frame.values(BASE, metric, replicates=replicates).mean(axis=1)
    return {
        key: Deltas(row=key, replicates=tuple(replicates), values=_clean(values), reference=reference)
        for key, values in sums.items()
    }


def _clean(values: Floats) -> Floats:
    """The values with rounding residue (absolute value below 1e-12) set to 0."""
    return np.where(np.abs(values) < _ROUNDING, 0.0, values)


def _estimated(found: Sequence[TermEffect], tables: Mapping[str, Deltas], progress: Progress) -> tuple[TermEffect, ...]:
    """The terms with their effects; once the study has ended, terms that change any value are corrected together."""
    moved = {key: table for key, table in tables.items() if table.values.any()}
    effects = study_effects(moved)
    effects = effects if progress.complete else untested(effects)
    tested = {key: effect.p for key, effect in effects.items() if effect.p is not None}
    adjusted = dict(zip(tested, holm(np.array(list(tested.values()), dtype=np.float64)).tolist(), strict=True))
    still = study_effects({key: table for key, table in tables.items() if key not in moved})
    return tuple(
        replace(
            each,
            effect=None if each.why else effects.get(_key(each.factors)) or still[_key(each.factors)],
            p_holm=adjusted.get(_key(each.factors)),
            n_tests=len(tested),
        )
        for each in found
    )


def _shapley(factors: Factors, tables: Mapping[str, Deltas]) -> Shapley:
    effects = study_effects(tables)
    return Shapley(
        values={name: effects[f"\t{name}"] for name in factors}, total=effects[_WHOLE], beyond=effects[_BEYOND]
    )
