"""A cell's trial names its arm, replicate and settings, so that an Optuna tool's charts can; arms may change."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from optuna.trial import FrozenTrial

from harness.modes.plan import Plan
from harness.modes.planning import make_plan
from harness.runner.optuna.mirror import OptunaMirror
from harness.runner.optuna.storage import Storage
from harness.study.study import load_study
from tests.runner.made import cell_of, made_record

ARMS = "{weight: {kl.weight: {weight: [0.1, 0.2]}}, both: [wiring.cosine, kl.reverse]}"


def plan_of(folder: Path, arms: str = ARMS, more: str = "") -> Plan:
    path = folder / "s.yaml"
    path.write_text(f"name: s\ndata: ml-100k\narms: {arms}\nreplicates: 2\n{more}", encoding="utf-8")
    return make_plan(load_study(path))


@pytest.fixture
def storage(tmp_path: Path) -> Iterator[Storage]:
    with closing(Storage(f"sqlite:///{tmp_path}/optuna.db", rebuilt=True)) as opened:
        yield opened


def shown(storage: Storage, plan: Plan, *rows: str) -> list[FrozenTrial]:
    """The trials of cells that have run or were reused, by the mirror of a plan."""
    mirror = OptunaMirror(storage, name="s", primary="ndcg@10", plan=plan)
    for number, row in enumerate(rows):
        cell, record = cell_of(row, number), made_record(f"{row}{number}", 0.1 * number)
        if number % 2:
            mirror.reused(cell, record)
        else:
            mirror.started(record.key, cell)
            mirror.finished(record)
    mirror.settle()
    return mirror.study.trials()


def test_arm_and_replicate_are_parameters_and_settings_are_attributes(storage: Storage, tmp_path: Path) -> None:
    trials = shown(storage, plan_of(tmp_path), "base", "weight[weight=0.1]", "both")
    assert [each.params for each in trials] == [
        {"replicate": 0, "arm": "base"},
        {"replicate": 1, "arm": "weight[weight=0.1]"},
        {"replicate": 2, "arm": "both"},
    ]
    assert trials[1].user_attrs["kl.weight.weight"] == 0.1
    assert trials[1].user_attrs["reused"] is True
    assert {each.user_attrs["arm"] for each in trials} == {"base", "weight[weight=0.1]", "both"}


def test_other_arms_in_the_same_study_are_no_error(storage: Storage, tmp_path: Path) -> None:
    shown(storage, plan_of(tmp_path), "base", "both")
    trials = shown(storage, plan_of(tmp_path, "{other: kl.reverse}"), "base", "both", "other")
    (name,) = {name for each in trials for name in each.params} - {"arm", "replicate"}
    assert name.startswith("arm #")
    assert trials[-1].params == {"replicate": 2, name: "other"}


def test_the_confirmation_of_a_search_has_its_rows_and_no_settings_of_where_it_began(
    storage: Storage, tmp_path: Path
) -> None:
    plan = plan_of(tmp_path, "{weight: kl.weight}", "mode: search\n")
    trials = shown(storage, plan, "base", "a/a", "base[default]", "weight")
    assert [each.params["arm"] for each in trials] == ["base", "a/a", "base[default]", "weight"]
    assert not any("kl.weight.weight" in each.user_attrs for each in trials)


def test_a_stack_that_is_found_while_the_study_runs_is_an_attribute(storage: Storage, tmp_path: Path) -> None:
    plan = plan_of(tmp_path, "{cosine: wiring.cosine, scale: wiring.scale}", "mode: greedy\n")
    trials = shown(storage, plan, "base", "cosine + scale")
    assert [each.params.get("arm") for each in trials] == ["base", None]
    assert trials[1].user_attrs["arm"] == "cosine + scale"
    assert all("replicate" in each.params for each in trials)
