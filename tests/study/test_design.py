"""Factorial designs against the theory of two-level fractions, and what a study of them plans."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest

from harness.modes.planning import make_plan
from harness.study.designs import DesignError, fractional_design, full_design, letters, terms
from harness.study.study import StudyFileError

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


ARMS = {
    "cosine": "wiring.cosine",
    "attention": "wiring.retriever_attention",
    "scale": "wiring.scale",
    "values": "wiring.values",
    "reverse": "kl.reverse",
    "weight": "kl.weight",
    "staged": "evaluation.staged",
    "sources": "index.sources",
    "diverse": "search.diverse",
}


def text(names, end="", mode="factorial", arms=ARMS) -> str:
    lines = "\n".join(f"  {name}: {arms[name]}" for name in names)
    return f"name: s\ndata: ml-100k\nmode: {mode}\narms:\n{lines}\n{end}"


def test_a_full_study_plans_every_combination_with_base_as_the_one_with_none(study_from) -> None:
    plan = make_plan(study_from(text(["cosine", "attention", "scale"])))
    assert [each.row.name for each in plan.rows] == [
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
    row = plan.rows[-1].row
    assert (row.family, [each["id"] for each in row.remedies]) == (
        "stack",
        ["wiring.cosine", "wiring.retriever_attention", "wiring.scale"],
    )


def test_a_fraction_plans_its_runs_and_says_its_generators_and_aliases(study_from) -> None:
    names = ["cosine", "attention", "scale", "reverse"]
    plan = make_plan(study_from(text(names, "factorial: {fraction: 1/2}\n")))
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
    arms = {**ARMS, "reverse_too": "kl.symmetric", "pareto": "loss.pareto", "again": "[wiring.cosine, wiring.values]"}
    plan = make_plan(study_from(text(["reverse", "reverse_too", "attention"], arms=arms)))
    assert plan.course["left_out"] == [
        {
            "arms": names,
            "kind": "conflict",
            "reason": "kl.reverse and kl.symmetric both set divergence",
        }
        for names in (["reverse", "reverse_too"], ["reverse", "reverse_too", "attention"])
    ]
    assert [each.row.name for each in plan.rows[2:]] == [
        "reverse",
        "reverse_too",
        "attention",
        "reverse + attention",
        "reverse_too + attention",
    ]
    assert "  left out: reverse + reverse_too: kl.reverse and kl.symmetric both set divergence" in plan.notes
    assert "  left out: 1 more that hold one of these" in plan.notes
    plan = make_plan(study_from(text(["pareto", "attention"], arms=arms)))
    assert [each.row.name for each in plan.rows[2:]] == ["attention", "pareto + attention"]
    assert (plan.course["left_out"][0]["arms"], plan.course["left_out"][0]["kind"]) == (["pareto"], "requirement")
    plan = make_plan(study_from(text(["cosine", "again", "scale"], arms=arms)))
    assert plan.course["left_out"][0]["reason"] == "cosine and again both hold wiring.cosine"


MISTAKES = {
    "a grid": (
        text(["cosine", "weight"], arms={**ARMS, "weight": "{kl.weight: {weight: [0.1, 1]}}"}),
        "x.yaml:6: arms.weight: a list of values is a grid, and mode factorial takes each arm at one setting; "
        "give one value, or make an arm of each",
    ),
    "a grid in a greedy study": (
        text(["cosine", "weight"], mode="greedy", arms={**ARMS, "weight": "{kl.weight: {weight: [0.1]}}"}),
        "x.yaml:6: arms.weight: a list of values is a grid, and mode greedy takes each arm at one setting; "
        "give one value, or make an arm of each",
    ),
    "a name that joins": (
        text(["cosine", "a + b"], arms={**ARMS, "a + b": "wiring.scale"}),
        "x.yaml:6: arms.a + b: the name holds ' + ', which joins arms in mode factorial; rename it",
    ),
    "one arm": (text(["cosine"]), "x.yaml:5: arms: 1 arms, and a factorial study takes 2 to 8"),
    "one candidate": (text(["cosine"], mode="greedy"), "x.yaml:5: arms: 1 arms, and a greedy choice takes 2 to 40"),
    "too many for all combinations": (
        text(list(ARMS)[:7]),
        "x.yaml:5: arms: 128 combinations of 7 arms, at most 64; write  factorial: {fraction: 1/2}",
    ),
    "too many for any": (text(list(ARMS)), "x.yaml:5: arms: 9 arms, and a factorial study takes 2 to 8"),
    "too small a fraction": (
        text(["cosine", "scale"], "factorial: {fraction: 1/2}\n"),
        "x.yaml:5: arms: a fraction 1/2 of the combinations of 2 factors has too few runs to tell their main "
        "effects apart",
    ),
    "a fraction of another kind": (
        text(["cosine", "scale"], "factorial: {fraction: 0.5}\n"),
        "x.yaml:7: factorial.fraction: 0.5 is not one of full, 1/2, 1/4, 1/8",
    ),
    "a part without its mode": (
        text(["cosine", "scale"], "factorial: {fraction: full}\n", mode="grid"),
        "x.yaml:7: factorial: read in mode factorial alone, and this study's mode is 'grid'; write  mode: factorial",
    ),
    "the part of another mode": (
        text(["cosine", "scale"], "greedy: {most: 2}\n"),
        "x.yaml:7: greedy: read in mode greedy alone, and this study's mode is 'factorial'; write  mode: greedy",
    ),
    "a stack of none": (
        text(["cosine", "scale"], "greedy: {most: 0}\n", mode="greedy"),
        "x.yaml:7: greedy.most: 0 is not a whole number in [1, 20]",
    ),
    "an unknown key": (
        text(["cosine", "scale"], "greedy: {mots: 2}\n", mode="greedy"),
        "x.yaml:7: greedy.mots: unknown key; did you mean most? (keys: most, confirm, gain)",
    ),
    "a word for the part": (
        text(["cosine", "scale"], "greedy: fast\n", mode="greedy"),
        "x.yaml:7: greedy: 'fast' is not a mapping of keys to values",
    ),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_answered_with_its_line(mistake, mistakes_in) -> None:
    content, message = MISTAKES[mistake]
    assert mistakes_in(content) == [message]


@pytest.mark.parametrize("mode", ["factorial", "greedy"])
def test_an_arm_that_no_stack_can_hold_refuses_the_study(mode, study_from) -> None:
    arms = {**ARMS, "nothing": "{kl.weight: {weight: 0.03}}", "twice": "[kl.reverse, kl.symmetric]"}
    with pytest.raises(StudyFileError) as caught:
        make_plan(study_from(text(["nothing", "twice", "cosine"], mode=mode, arms=arms)))
    nothing, twice = str(caught.value).splitlines()
    assert "x.yaml:5: arms.nothing: Weight(weight=0.03)" in nothing
    assert "changes nothing in this base" in nothing
    assert "x.yaml:6: arms.twice: kl.reverse and kl.symmetric both set divergence" in twice


def test_an_arm_that_is_in_no_run_of_the_design_refuses_the_study(study_from) -> None:
    names = ["pareto", "cosine"]
    with pytest.raises(
        StudyFileError, match=r"arms\.pareto: no combination of the design that holds it can run; pareto: "
    ):
        make_plan(study_from(text(names, arms={**ARMS, "pareto": "loss.pareto"})))
