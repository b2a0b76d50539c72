"""Main effects, interactions and Shapley values against planted worlds, least squares and brute force."""

from __future__ import annotations

from itertools import combinations, permutations

import numpy as np
import pytest
from statsmodels.stats.multitest import multipletests

from harness.modes.designs import fractional_design
from harness.results.deltas import Deltas
from harness.results.frame import Frame
from harness.results.reading import frame_of
from harness.stats.effects import study_effects
from reports.stats.factorial import FactorialAnalysis, factorial_analysis, separate
from tests.reports.stackworlds import N_USERS, every, name_of, planted

ABC = ("cosine", "attention", "scale")
ADDITIVE = {("cosine",): 40, ("attention",): -20, ("scale",): 8}
SYNERGY = {**ADDITIVE, ("cosine", "scale"): 32, ("attention", "scale"): -12}


def analysed(*args, **settings) -> tuple[Frame, FactorialAnalysis]:
    frame = frame_of(*planted(*args, **settings))
    found = factorial_analysis(frame)
    assert found is not None
    return frame, found


def means(found: FactorialAnalysis) -> dict[tuple[str, ...], float]:
    return {term.factors: term.effect.mean for term in found.terms if term.effect is not None}


def level(frame: Frame, on: tuple[str, ...]) -> float:
    return float(frame.values(name_of(on), "recall@10").mean())


def test_an_additive_world_has_its_main_effects_and_no_interaction() -> None:
    _, found = analysed(ABC, ADDITIVE)
    assert means(found) == pytest.approx(
        {(name,): size / N_USERS for (name,), size in ADDITIVE.items()} | dict.fromkeys(combinations(ABC, 2), 0.0)
    )
    untested = [term.factors for term in found.terms if term.p_holm is None]
    assert untested == list(combinations(ABC, 2))
    assert found.shapley is not None
    assert found.shapley.beyond.mean == pytest.approx(0.0)


def test_an_interaction_is_what_two_give_beyond_the_sum_and_half_of_it_is_in_both_main_effects() -> None:
    _, found = analysed(ABC, SYNERGY)
    assert means(found) == pytest.approx(
        {
            ("cosine",): (40 + 32 / 2) / N_USERS,
            ("attention",): (-20 - 12 / 2) / N_USERS,
            ("scale",): (8 + 32 / 2 - 12 / 2) / N_USERS,
            ("cosine", "attention"): 0.0,
            ("cosine", "scale"): 32 / N_USERS,
            ("attention", "scale"): -12 / N_USERS,
        }
    )
    assert found.shapley is not None
    assert found.shapley.beyond.mean == pytest.approx((32 - 12) / N_USERS)


def test_each_contrast_is_estimated_as_an_arm_is_from_its_own_table_of_seeds_and_users() -> None:
    frame, found = analysed(ABC, SYNERGY, noise=0.3)
    cells = {on: frame.values(name_of(on), "recall@10") for on in every(ABC)}
    tables = {}
    for size in (1, 2):
        for term in combinations(ABC, size):
            if size == 1:
                on, off = ([cells[c] for c in cells if (term[0] in c) is state] for state in (True, False))
                tables[term] = np.mean(on, axis=0) - np.mean(off, axis=0)
            else:
                one, two = term
                tables[term] = np.mean(
                    [
                        cells[tuple(n for n in ABC if n in {*rest, one, two})]
                        - cells[tuple(n for n in ABC if n in {*rest, one})]
                        - cells[tuple(n for n in ABC if n in {*rest, two})]
                        + cells[rest]
                        for rest in every([n for n in ABC if n not in term])
                    ],
                    axis=0,
                )
    expected = study_effects(
        {
            "\t".join(term): Deltas(row="", replicates=(0, 1, 2), values=table, reference=np.ones(3))
            for term, table in tables.items()
        }
    )
    p_values = []
    for term in found.terms:
        assert term.effect is not None
        wanted = expected["\t".join(term.factors)]
        assert (term.effect.mean, term.effect.se, term.effect.df) == pytest.approx((wanted.mean, wanted.se, wanted.df))
        assert term.effect.interval() == pytest.approx(wanted.interval())
        p_values.append(wanted.p)
    assert [term.p_holm for term in found.terms] == pytest.approx(
        list(np.asarray(multipletests(p_values, method="holm")[1]))
    )
    assert found.n_tests == 6
    first = found.terms[0]
    assert first.effect is not None
    assert first.adjusted() == pytest.approx(first.effect.interval(1 - 0.05 / 6))


def test_missing_combinations_are_bridged_by_least_squares_and_what_never_ran_together_has_no_interaction() -> None:
    runs = [on for on in every(ABC) if not {"cosine", "scale"} <= set(on)]
    frame, found = analysed(ABC, SYNERGY, runs=runs, noise=0.2)
    dummies = {name: np.array([name in on for on in runs], dtype=float) for name in ABC}
    pairs = [("cosine", "attention"), ("attention", "scale")]
    coded = {(name,): 2 * dummies[name] - 1 for name in ABC}
    coded |= {(one, two): coded[(one,)] * coded[(two,)] for one, two in pairs}
    model = np.column_stack([np.ones(len(runs)), *coded.values()])
    outcome = np.array([level(frame, on) for on in runs])
    solution, *_ = np.linalg.lstsq(model, outcome, rcond=None)
    expected = {term: beta * 2.0 ** len(term) for term, beta in zip(coded, solution[1:], strict=True)}
    assert means(found) == pytest.approx(expected)
    why = {term.factors: term.why for term in found.terms}
    assert why[("cosine", "scale")] == "never_together"
    assert found.shapley is None
    cosine = next(term for term in found.terms if term.factors == ("cosine",))
    assert set(cosine.weights) == {name_of(on) for on in runs}


def test_what_the_runs_cannot_separate_is_said() -> None:
    runs = [(), ("cosine", "scale"), ("attention",), ("cosine", "attention", "scale")]
    _, found = analysed(ABC, ADDITIVE, runs=runs)
    (cosine,) = (term for term in found.terms if term.factors == ("cosine",))
    assert cosine.aliases[0] == (1, ("scale",))
    assert means(found)[("cosine",)] == pytest.approx((40 + 8) / N_USERS)
    terms = {
        term.factors: term
        for term in separate(("a", "b", "c"), {"1": (), "2": ("a",), "3": ("a", "b"), "4": ("b", "c")})
    }
    assert terms[("a",)].why == terms[("b",)].why == "not_separable"
    assert terms[("a", "c")].why == "never_together"
    one = {term.factors: term for term in separate(("a", "b"), {"1": ("b",), "2": ("a", "b")})}
    assert one[("b",)].why == "no_contrast"
    assert one[("a",)].weights == pytest.approx({"1": -1.0, "2": 1.0})


def test_a_half_of_four_factors_estimates_pairs_together_with_their_alias() -> None:
    names = ("a", "b", "c", "d")
    runs = [tuple(names[place] for place in run) for run in fractional_design(4, 1).runs]
    _, found = analysed(names, {("a",): 40, ("a", "b"): 20, ("c", "d"): 8}, runs=runs, fraction="1/2")
    (pair,) = (term for term in found.terms if term.factors == ("a", "b"))
    assert pair.aliases == ((1, ("c", "d")),)
    assert means(found)[("a", "b")] == pytest.approx((20 + 8) / N_USERS)
    assert ("c", "d") not in means(found)
    assert means(found)[("a",)] == pytest.approx((40 + 20 / 2) / N_USERS)
    assert found.shapley is None


def test_in_a_half_of_three_factors_an_interaction_stands_in_a_main_effect_with_its_sign() -> None:
    names = ("a", "b", "c")
    runs = [tuple(names[place] for place in run) for run in fractional_design(3, 1).runs]
    _, found = analysed(names, {("a", "b"): 20}, runs=runs, fraction="1/2")
    (third,) = (term for term in found.terms if term.factors == ("c",))
    assert third.aliases == ((-1, ("a", "b")),)
    assert means(found)[("c",)] == pytest.approx(-20 / 2 / N_USERS)


@pytest.mark.parametrize("n_factors", [2, 3, 4])
def test_shapley_values_are_the_mean_over_all_orders_and_sum_to_the_whole(n_factors) -> None:
    names = ("a", "b", "c", "d")[:n_factors]
    frame, found = analysed(names, {("a",): 30, ("a", "b"): 20, ("b",): -10, names: 16}, noise=0.2)
    orders = list(permutations(names))
    expected = dict.fromkeys(names, 0.0)
    for order in orders:
        for place, name in enumerate(order):
            before = tuple(n for n in names if n in order[:place])
            after = tuple(n for n in names if n in order[: place + 1])
            expected[name] += (level(frame, after) - level(frame, before)) / len(orders)
    assert found.shapley is not None
    values = {name: effect.mean for name, effect in found.shapley.values.items()}
    assert values == pytest.approx(expected)
    whole = level(frame, names) - level(frame, ())
    assert sum(values.values()) == pytest.approx(whole) == pytest.approx(found.shapley.total.mean)
    alone = sum(level(frame, (name,)) - level(frame, ()) for name in names)
    assert found.shapley.beyond.mean == pytest.approx(whole - alone)
    assert all(effect.se > 0.0 for effect in found.shapley.values.values())


def test_only_replicates_that_every_run_has_are_used_and_a_row_without_any_is_named() -> None:
    _, found = analysed(ABC, ADDITIVE, missing=[("cosine", 1)])
    assert found.replicates == (0, 2)
    gone = [("cosine + scale", number) for number in (0, 1, 2)]
    _, found = analysed(ABC, ADDITIVE, missing=gone)
    assert (found.unfinished, found.replicates, found.shapley) == (("cosine + scale",), (0, 1, 2), None)
    assert means(found)[("cosine",)] == pytest.approx(40 / N_USERS)


def test_one_seed_has_estimates_and_no_tests() -> None:
    _, found = analysed(ABC, SYNERGY, replicates=(0,), noise=0.2)
    assert (found.n_tests, {term.p_holm for term in found.terms}) == (0, {None})
    assert all(term.effect is not None and term.adjusted() is None for term in found.terms)


def test_a_study_without_base_or_of_another_mode_has_none() -> None:
    assert factorial_analysis(frame_of(*planted(ABC, ADDITIVE, missing=[("base", n) for n in (0, 1, 2)]))) is None
    assert factorial_analysis(frame_of(*planted(ABC, ADDITIVE, mode="grid"))) is None
