"""The study files that come with the project: each plans, each problem has one, and none forgets a remedy."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.interventions import CATALOGUE, SHIPPED, find
from harness.interventions.training import Unfreeze
from harness.modes.plan import Plan
from harness.modes.planning import make_plan
from harness.pages.facts import page_of
from harness.recipe.recipe import BASE
from harness.study.study import load_study

STUDIES = Path(__file__).resolve().parents[2] / "studies"
FILE_OF = {
    "kl": "kl_direction",
    "training": "freezing",
    "index": "index",
    "fusion": "fusion",
    "loss": "loss_weights",
    "temperature": "temperature",
    "retriever": "retriever_start",
    "evaluation": "evaluation",
    "scope": "scope",
    "search": "search_settings",
    "wiring": "wiring",
}
SECOND = [f"{name}_learning" for name in FILE_OF.values() if name != "wiring"]


def planned(name: str) -> Plan:
    return make_plan(load_study(STUDIES / f"{name}.yaml", catalogue=SHIPPED))


@pytest.mark.parametrize("path", sorted(STUDIES.glob("*.yaml")), ids=lambda path: path.stem)
def test_every_shipped_study_plans(path: Path) -> None:
    plan = planned(path.stem)
    assert plan.study.question.endswith("?")
    assert plan.cells()


@pytest.mark.parametrize(("family", "name"), FILE_OF.items(), ids=FILE_OF.values())
def test_every_problem_has_a_study_of_all_its_remedies_on_the_base_as_found(family: str, name: str) -> None:
    study = planned(name).study
    named = {remedy.id for row in study.rows for remedy in row.stack}
    assert {each.id for each in CATALOGUE if each.family() == family} <= named
    assert (study.base, study.budget.epochs, study.data.name) == ((), 4, "ml-100k")
    assert (study.start, study.replicates, study.protocol.targets) == (3, 5, 10)


@pytest.mark.parametrize("name", SECOND)
def test_every_problem_is_asked_again_on_the_base_that_learns(name: str) -> None:
    plan, first = planned(name), planned(name.removesuffix("_learning"))
    (together,) = (row for row in planned("wiring").study.rows if row.arm == "together")
    assert plan.study.base == together.stack
    assert {remedy.id for row in plan.study.rows for remedy in row.stack} <= {
        remedy.id for row in first.study.rows for remedy in row.stack
    }
    assert [each.status for each in plan.rows] == ["run"] * len(plan.rows)


def test_every_file_of_a_problem_is_accounted_for() -> None:
    expected = {
        *FILE_OF.values(),
        *SECOND,
        "all_remedies",
        "backbones",
        "combined",
        "factorial",
        "retrieval",
        "search",
        "smoke",
        "stack",
        "symptom",
    }
    assert {path.stem for path in STUDIES.glob("*.yaml")} == expected


def test_all_remedies_names_each_remedy_alone_at_its_default_in_the_seeds_order() -> None:
    study = planned("all_remedies").study
    assert [row.name for row in study.rows] == [each.id for each in CATALOGUE]
    assert [row.stack for row in study.rows] == [(each(),) for each in CATALOGUE]
    assert study.on_inapplicable == "skip"


def test_all_remedies_lists_those_that_cannot_act_with_their_reason_and_runs_the_others() -> None:
    plan = planned("all_remedies")
    skipped = {each.name: each.reason for each in plan.rows if each.status == "inapplicable"}
    assert set(skipped) == {each.id for each in CATALOGUE if page_of(each).missing}
    assert "loss.pareto" in skipped
    assert "at least 2" in skipped["loss.pareto"]
    assert {each.status for each in plan.rows if each.name not in skipped} == {"run"}


def test_freezing_carries_a_refresh_of_every_epoch_as_its_control() -> None:
    control = planned("freezing").recipes["refresh"]
    assert control.refresh.reencodes
    assert [control.refresh.due(done, 4) for done in (1, 2, 3)] == [True] * 3
    assert Unfreeze().apply(BASE).moves_backbone


def test_a_stored_refresh_is_base_itself() -> None:
    (stored,) = (each for each in planned("index").rows if each.arm == "refresh_stored")
    assert (stored.status, stored.alias_of) == ("alias", "base")
    assert find("index.refresh")().apply(BASE) != BASE
