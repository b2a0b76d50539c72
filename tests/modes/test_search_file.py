"""``mode: search`` in a study file: what is fixed, what is listed, what is open, and every mistake."""

from __future__ import annotations

from typing import Any

import pytest
from jsonschema import Draft202012Validator

from harness.interventions import CATALOGUE
from harness.modes.grid import Grid
from harness.modes.planning import make_plan
from harness.modes.search.mode import Search
from harness.study.study import StudyFileError, study_schema
from harness.study.yaml_lines import parse_yaml
from tests.study.mistakes import SEARCH

HEAD = "name: s\ndata: ml-100k\nmode: search\n"


@pytest.mark.parametrize("mistake", SEARCH)
def test_an_editor_sees_what_a_schema_can_express(everything, mistake):
    value: Any = parse_yaml(f"{HEAD}search: {SEARCH[mistake][0]}\narms: {{}}\n".encode(), "x.yaml").value
    seen = not Draft202012Validator(study_schema(everything)).is_valid(value)
    assert seen == (mistake != "pruning by two objectives")


def test_the_part_may_be_left_out_and_has_defaults(study_from):
    expected = Search(trials=20, width=4, startup=8, objectives=("quality",), prune=0.1, confirm=3)
    assert study_from(f"{HEAD}arms: {{}}\n").mode == expected
    assert study_from("name: s\ndata: ml-100k\narms: {}\n").mode == Grid()
    two = study_from(f"{HEAD}search: {{objectives: [quality, seconds]}}\narms: {{}}\n").mode
    assert (two.objectives, two.prunes) == (("quality", "seconds"), False)


def test_a_value_is_fixed_a_list_is_what_may_be_chosen_and_the_rest_is_open(study_from):
    study = study_from(f"{HEAD}arms:\n  a: {{wiring.interpolate: {{l: 0.4, k: [10, 50, 100], tau: [0.2]}}}}\n")
    (arm,) = study.rows
    assert (arm.name, arm.arm, arm.explicit) == ("a", "a", (True,))
    fixed = {"l": 0.4, "k": 50, "tau": 0.2, "admission": "all", "targets": "all", "onto": "backbone"}
    assert arm.stack[0].settings() == fixed
    opened = [("k", (10, 50, 100)), ("admission", ()), ("targets", ())]
    assert [(each.name, each.values) for each in arm.openings] == opened


def test_a_search_begins_at_the_default_or_at_the_first_of_a_list_without_it(study_from):
    study = study_from(f"{HEAD}arms:\n  a: {{temperature.raise: {{tau: [1, 20]}}}}\n  b: temperature.raise\n")
    assert [arm.stack[0].settings() for arm in study.rows] == [{"tau": 1.0}, {"tau": 0.15}]


def test_what_has_no_range_stays_at_its_default(study_from):
    (arm,) = study_from(f"{HEAD}arms:\n  a: temperature.anneal\n").rows
    assert [each.name for each in arm.openings] == ["init", "floor"]


def test_every_remedy_of_the_catalogue_begins_inside_its_own_range(study_from):
    arms = "".join(f"  {each.id}: {each.id}\n" for each in CATALOGUE)
    plan = make_plan(study_from(f"{HEAD}on_inapplicable: skip\narms:\n{arms}"))
    assert {row.name for row in plan.rows if row.name not in plan.spaces} == {
        row.name for row in plan.rows if row.status == "inapplicable"
    }
    for name, space in plan.spaces.items():
        assert space.recipe(space.first) == plan.recipes[name]
        for axis in space.axes:
            if axis.scale == "choice":
                assert axis.first in axis.choices
            else:
                assert axis.low <= axis.number(axis.first) <= axis.high
                assert axis.value(axis.number(axis.first)) == axis.first


def test_a_list_with_a_value_twice_is_refused(mistakes_in):
    (message,) = mistakes_in(f"{HEAD}arms:\n  a: {{kl.weight: {{weight: [1, 1.0]}}}}\n")
    assert message.startswith("x.yaml:5: arms.a: kl.weight: weight lists a value twice")


def test_two_arms_that_would_search_the_same_are_refused(mistakes_in, study_from):
    (message,) = mistakes_in(f"{HEAD}arms:\n  a: kl.weight\n  b: kl.weight\n")
    assert message.startswith("x.yaml:6: arms.b: b is the same as a")
    assert len(study_from(f"{HEAD}arms:\n  a: kl.weight\n  b: {{kl.weight: {{weight: [0.01, 1]}}}}\n").rows) == 2


def test_an_arm_that_contradicts_itself_is_refused_before_anything_runs(study_from):
    with pytest.raises(StudyFileError, match=r"arms\.a: kl\.reverse and kl\.symmetric both set divergence"):
        make_plan(study_from(f"{HEAD}arms:\n  a: [kl.reverse, kl.symmetric]\n"))


def test_an_arm_that_equals_base_where_it_begins_may_still_be_searched(study_from):
    plan = make_plan(study_from(f"{HEAD}base: kl.weight\narms:\n  a: kl.weight\n"))
    assert [row.status for row in plan.rows] == ["run", "run"]
    assert plan.recipes["a"] == plan.base
