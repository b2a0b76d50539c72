"""From a study to its rows: aliases, arms that cannot act on the base, and arms that contradict themselves."""

from __future__ import annotations

import pytest

from harness.modes.planning import make_plan
from harness.study.study import StudyFileError

HEAD = "name: s\ndata: ml-100k\nreplicates: 2\n"
NO_WEIGHT = "base: {kl.weight: {weight: 0}}\n"


def status(plan) -> dict[str, str]:
    return {row.name: row.status for row in plan.rows}


def test_an_arm_without_an_effect_on_the_base_refuses_the_study(study_from):
    with pytest.raises(StudyFileError, match=r"arms\.same: .* changes nothing in this base"):
        make_plan(study_from(f"{HEAD}base: wiring.cosine\narms: {{same: wiring.cosine}}"))


def test_skip_lists_an_arm_without_an_effect_with_its_reason_and_plans_the_others(study_from):
    text = f"{HEAD}base: wiring.cosine\non_inapplicable: skip\narms: {{same: wiring.cosine, other: kl.reverse}}"
    plan = make_plan(study_from(text))
    assert status(plan) == {"base": "run", "a/a": "run", "same": "inapplicable", "other": "run"}
    (skipped,) = (row for row in plan.rows if row.name == "same")
    assert "changes nothing in this base" in skipped.reason
    assert "same" not in plan.recipes
    assert {cell.row for cell in plan.cells()} == {"base", "a/a", "other"}


def test_skip_lists_an_arm_that_lacks_what_it_needs_with_its_reason(study_from):
    text = f"{HEAD}{NO_WEIGHT}arms: {{reverse: kl.reverse}}\n"
    with pytest.raises(StudyFileError, match="alignment_weight is 0"):
        make_plan(study_from(text))
    plan = make_plan(study_from(text + "on_inapplicable: skip\n"))
    assert status(plan)["reverse"] == "inapplicable"
    assert "alignment_weight is 0" in plan.rows[-1].reason


def test_skip_does_not_excuse_an_arm_that_contradicts_itself(study_from):
    text = f"{HEAD}on_inapplicable: skip\narms: {{both: [kl.reverse, kl.symmetric], fine: kl.reverse}}"
    with pytest.raises(StudyFileError, match=r"kl\.reverse and kl\.symmetric both set divergence") as caught:
        make_plan(study_from(text))
    assert [problem.path for problem in caught.value.problems] == [("arms", "both")]


def test_a_grid_point_equal_to_base_is_an_alias_under_either_rule(study_from):
    for rule in ("error", "skip"):
        text = f"{HEAD}on_inapplicable: {rule}\narms: {{w: {{kl.weight: {{weight: [0.03, 0.1]}}}}}}"
        plan = make_plan(study_from(text))
        assert status(plan) == {"base": "run", "a/a": "run", "w[weight=0.03]": "alias", "w[weight=0.1]": "run"}
