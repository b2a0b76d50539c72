"""Factorial designs against the theory of two-level fractions, and what a study of them plans."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest

from harness.modes.designs import DesignError, fractional_design, full_design, letters, terms
from harness.modes.planning import make_plan
from harness.study.study import StudyFileError
from tests.study.mistakes import FACTORS, combined

FRACTIONS = [(3, 1), (4, 1), (5, 1), (5, 2), (6, 1), (6, 2), (6, 3), (7, 1), (7, 2), (7, 3), (8, 2), (8, 3)]


def contrast(runs, term) -> np.ndarray:
    """The column of a term, +1 and -1, from the definition of effect coding."""
    return np.prod([[1 if place in run else -1 for run in runs] for place in term], axis=0)


def test_a_half_of_four_factors_is_the_one_of_the_textbooks() -> None:
    design = fractional_design(4, 1)
    assert (design.generators, design.relation, design.resolution) == (("D = ABC",), ((1, (0, 1, 2, 3)),), 4)
    told = {letters(each.term): [(sign, letters(other)) for sign, other in each.others] for each in design.aliases()}
    assert told == {
        "A": [(1, "BCD")],
        "B": [(1, "ACD")],
        "C": [(1, "ABD")],
        "D": [(1, "ABC")],
        "AB": [(1, "CD")],
        "AC": [(1, "BD")],
        "AD": [(1, "BC")],
    }
    assert design.runs == ((), *combinations(range(4), 2), (0, 1, 2, 3))


@pytest.mark.parametrize(("n_factors", "halvings"), FRACTIONS)
def test_a_fraction_has_base_distinct_runs_balanced_factors_and_exactly_the_aliases_it_names(
    n_factors, halvings
) -> None:
    design = fractional_design(n_factors, halvings)
    n_runs = 2 ** (n_factors - halvings)
    assert (design.runs[0], len(set(design.runs)), len(design.runs)) == ((), n_runs, n_runs)
    mains = [contrast(design.runs, (place,)) for place in range(n_factors)]
    assert not any(one @ two for one, two in combinations(mains, 2))
    assert all(column.sum() == 0 for column in mains)
    named = {(alias.term, other): sign for alias in design.aliases() for sign, other in alias.others}
    every = [term for size in (1, 2, 3) for term in combinations(range(n_factors), size)]
    for one, two in combinations(every, 2):
        product = contrast(design.runs, one) @ contrast(design.runs, two)
        chain = {pair: sign for pair, sign in named.items() if one in pair}
        if len(one) <= 2 and abs(product) == n_runs:
            if (one, two) in chain:
                assert chain[one, two] == np.sign(product)
            else:  # both stand in the list of a shorter term
                assert any({one, two} <= {a.term, *(o for _, o in a.others)} for a in design.aliases())
        else:
            assert (one, two) not in named


@pytest.mark.parametrize(("n_factors", "halvings"), FRACTIONS)
def test_the_resolution_is_the_shortest_dependence_of_factors(n_factors, halvings) -> None:
    design = fractional_design(n_factors, halvings)
    shortest = next(
        size
        for size in range(1, n_factors + 1)
        for term in combinations(range(n_factors), size)
        if abs(contrast(design.runs, term).sum()) == len(design.runs)
    )
    assert design.resolution == shortest
    assert shortest >= 3


def test_a_full_design_confounds_nothing() -> None:
    design = full_design(3)
    assert (len(design.runs), design.generators, design.resolution, design.aliases()) == (8, (), None, ())
    matrix = np.array([contrast(design.runs, term) for term in terms(3)])
    np.testing.assert_array_equal(matrix @ matrix.T, 8 * np.eye(6))


def test_too_small_a_fraction_is_refused() -> None:
    with pytest.raises(DesignError, match="1/4 of the combinations of 4 factors has too few runs"):
        fractional_design(4, 2)


def test_a_full_study_plans_every_combination_with_base_as_the_one_with_none(study_from) -> None:
    plan = make_plan(study_from(combined(["cosine", "attention", "scale"])))
    assert [each.name for each in plan.rows] == [
        "base",
        "a/a",
        "cosine",
        "attention",
        "scale",
        "cosine + attention",
        "cosine + scale",
        "attention + scale",
        "cosine + attention + scale",
    ]
    assert len(plan.cells()) == 9 * 3
    assert plan.course["cells"]["attention + scale"] == ["attention", "scale"]
    assert plan.course["left_out"] == []
    row = plan.rows[-1]
    assert (row.family, [each["id"] for each in row.remedies]) == (
        "stack",
        ["wiring.cosine", "wiring.retriever_attention", "wiring.scale"],
    )


def test_a_fraction_plans_its_runs_and_says_its_generators_and_aliases(study_from) -> None:
    names = ["cosine", "attention", "scale", "reverse"]
    plan = make_plan(study_from(combined(names, "factorial: {fraction: 1/2}\n")))
    assert len(plan.rows) == 2 + 7
    assert plan.course["generators"] == ["D = ABC"]
    assert plan.course["aliases"][4] == {
        "term": ["cosine", "attention"],
        "others": [{"sign": 1, "term": ["scale", "reverse"]}],
    }
    said = "\n".join(plan.notes)
    assert "generators D = ABC; resolution 4" in said
    assert "AB = CD" in said
    assert "A cosine, B attention, C scale, D reverse" in said


def test_combinations_that_cannot_run_are_left_out_and_named_with_the_reason(study_from) -> None:
    arms = {
        **FACTORS,
        "reverse_too": "kl.symmetric",
        "pareto": "loss.pareto",
        "again": "[wiring.cosine, wiring.values]",
    }
    plan = make_plan(study_from(combined(["reverse", "reverse_too", "attention"], arms=arms)))
    assert plan.course["left_out"] == [
        {
            "arms": names,
            "kind": "conflict",
            "reason": "kl.reverse and kl.symmetric both set divergence",
        }
        for names in (["reverse", "reverse_too"], ["reverse", "reverse_too", "attention"])
    ]
    assert [each.name for each in plan.rows[2:]] == [
        "reverse",
        "reverse_too",
        "attention",
        "reverse + attention",
        "reverse_too + attention",
    ]
    assert "  left out: reverse + reverse_too: kl.reverse and kl.symmetric both set divergence" in plan.notes
    assert "  left out: 1 more that include one of these" in plan.notes
    plan = make_plan(study_from(combined(["pareto", "attention"], arms=arms)))
    assert [each.name for each in plan.rows[2:]] == ["attention", "pareto + attention"]
    assert (plan.course["left_out"][0]["arms"], plan.course["left_out"][0]["kind"]) == (["pareto"], "requirement")
    plan = make_plan(study_from(combined(["cosine", "again", "scale"], arms=arms)))
    assert plan.course["left_out"][0]["reason"] == "cosine and again both hold wiring.cosine"


@pytest.mark.parametrize("mode", ["factorial", "greedy"])
def test_an_arm_that_no_stack_can_hold_refuses_the_study(mode, study_from) -> None:
    arms = {**FACTORS, "nothing": "{kl.weight: {weight: 0.03}}", "twice": "[kl.reverse, kl.symmetric]"}
    with pytest.raises(StudyFileError) as caught:
        make_plan(study_from(combined(["nothing", "twice", "cosine"], mode=mode, arms=arms)))
    told = [(each.code, each.path, each.line) for each in caught.value.problems]
    assert told == [("no_effect", ("arms", "nothing"), 5), ("conflict", ("arms", "twice"), 6)]
