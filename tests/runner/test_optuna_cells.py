"""A cell's trial has its arm, replicate and settings as parameters, so that charts can name them; arms may change."""

from __future__ import annotations

import importlib.util
import warnings
from collections.abc import Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import optuna
import pytest
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.trial import FrozenTrial, TrialState, create_trial

from harness.modes.plan import Plan
from harness.modes.planning import make_plan
from harness.runner.optuna.cells import CellSpace
from harness.runner.optuna.mirror import OptunaMirror
from harness.runner.optuna.storage import Storage
from harness.study.study import load_study
from tests.modes.searched import Drive, planned, scheduled
from tests.runner.made import cell_of, made_record
from tests.runner.postgres import Server, binaries, served

ARMS = "{weight: {kl.weight: {weight: [0.1, 0.2]}}, both: [wiring.cosine, kl.reverse]}"


def plan_of(folder: Path, arms: str = ARMS, more: str = "") -> Plan:
    path = folder / "s.yaml"
    path.write_text(f"name: s\ndata: ml-100k\narms: {arms}\nreplicates: 2\n{more}", encoding="utf-8")
    return make_plan(load_study(path))


POSTGRES = pytest.param(
    "postgres",
    marks=[
        pytest.mark.slow,
        pytest.mark.skipif(binaries() is None, reason="needs PostgreSQL: apt-get install postgresql"),
        pytest.mark.skipif(importlib.util.find_spec("psycopg") is None, reason="needs psycopg"),
    ],
)


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with served() as found:
        yield found


@pytest.fixture(params=["sqlite", POSTGRES])
def storage(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Storage]:
    url = f"sqlite:///{tmp_path}/optuna.db" if request.param == "sqlite" else request.getfixturevalue("server").url
    with closing(Storage(url, rebuilt=request.param == "sqlite")) as opened:
        yield opened
        for name in optuna.get_all_study_names(opened.database):
            optuna.delete_study(study_name=name, storage=opened.database)


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


def kinds(trials: list[FrozenTrial]) -> dict[str, set[Any]]:
    """Parameter -> its distributions over the trials that have it."""
    found: dict[str, set[Any]] = {}
    for each in trials:
        for name, kind in each.distributions.items():
            found.setdefault(name, set()).add(kind)
    return found


def test_arm_replicate_and_settings_are_parameters(storage: Storage, tmp_path: Path) -> None:
    trials = shown(storage, plan_of(tmp_path), "base", "weight[weight=0.1]", "both")
    assert [each.params for each in trials] == [
        {"replicate": 0, "arm": "base"},
        {"replicate": 1, "arm": "weight[weight=0.1]", "kl.weight.weight": 0.1},
        {"replicate": 2, "arm": "both"},
    ]
    assert trials[1].user_attrs == {"key": trials[1].user_attrs["key"], "arm": "weight[weight=0.1]"} | {
        "replicate": 1,
        "reused": True,
    }
    assert kinds(trials)["kl.weight.weight"] == {FloatDistribution(0.1, 0.2)}
    assert kinds(trials)["replicate"] == {IntDistribution(0, 2)}


def test_a_setting_that_equals_bases_is_a_parameter_of_base(storage: Storage, tmp_path: Path) -> None:
    plan = plan_of(tmp_path, "{weight: {kl.weight: {weight: [0.003, 0.03, 0.3]}}}")
    assert [row.alias_of for row in plan.rows if row.status == "alias"] == ["base"]
    trials = shown(storage, plan, "base", "a/a", "weight[weight=0.3]")
    assert [each.params["kl.weight.weight"] for each in trials] == [0.03, 0.03, 0.3]
    assert kinds(trials)["kl.weight.weight"] == {FloatDistribution(0.003, 0.3, log=True)}


def test_an_added_arm_and_an_added_setting_join_the_parameters_that_are_there(storage: Storage, tmp_path: Path) -> None:
    before = shown(storage, plan_of(tmp_path), "base", "weight[weight=0.1]")
    wider = "{other: kl.reverse, weight: {kl.weight: {weight: [0.1, 0.5]}}}"
    after = shown(storage, plan_of(tmp_path, wider), "base", "weight[weight=0.1]", "other", "weight[weight=0.5]")
    assert [each.params for each in after[:2]] == [each.params for each in before]
    assert after[2].params == {"arm": "other", "replicate": 2}
    assert after[3].params["kl.weight.weight"] == 0.5
    assert {name: len(found) for name, found in kinds(after).items()} == dict.fromkeys(after[3].params, 1)
    arms = ("base", "a/a", "other", "weight[weight=0.1]", "weight[weight=0.5]")
    assert kinds(after)["arm"] == {CategoricalDistribution(arms)}


def test_arms_that_are_gone_keep_their_trials(storage: Storage, tmp_path: Path) -> None:
    shown(storage, plan_of(tmp_path), "base", "both")
    trials = shown(storage, plan_of(tmp_path, "{other: kl.reverse}"), "base", "reverse", "other")
    assert [each.params["arm"] for each in trials] == ["base", "both", "reverse", "other"]


def test_a_setting_that_becomes_a_word_stays_one_parameter(storage: Storage, tmp_path: Path) -> None:
    space = CellSpace(plan_of(tmp_path, "{weight: {kl.weight: {weight: 0.1}}}"), None, [mixed("3ep")])
    trial = create_trial(state=TrialState.RUNNING, **space.shown("k", cell_of("weight")))
    assert trial.params["kl.weight.weight"] == "0.1"
    assert trial.distributions["kl.weight.weight"] == CategoricalDistribution(("0.1", "3ep"))


def mixed(value: str) -> FrozenTrial:
    kind = CategoricalDistribution((value,))
    return create_trial(value=0.0, params={"kl.weight.weight": value}, distributions={"kl.weight.weight": kind})


def old_trial(key: str, params: Mapping[str, Any], choices: tuple[str, ...], **attributes: Any) -> FrozenTrial:
    """As an earlier version wrote it: settings as attributes, choices fixed by the first run."""
    distributions: dict[str, BaseDistribution] = {"replicate": IntDistribution(0, 2000)}
    distributions |= {name: CategoricalDistribution(choices) for name in params if name != "replicate"}
    return create_trial(
        value=0.5, params=dict(params), distributions=distributions, user_attrs={"key": key, **attributes}
    )


def test_trials_of_an_earlier_version_get_the_parameters_of_now(storage: Storage, tmp_path: Path) -> None:
    optuna_study = optuna.create_study(study_name="s (ndcg@10)", storage=storage.database, direction="maximize")
    row = "weight[weight=0.1]"
    for old in (
        old_trial("base0", {"replicate": 0, "arm": "base"}, ("base", "x"), arm="base", replicate=0),
        old_trial(f"{row}1", {"replicate": 1, "arm #a1b2c3": row}, ("base", row), arm=row, replicate=1),
        old_trial("gone", {"replicate": 0, "arm": "x"}, ("base", "x"), arm="x", replicate=0),
    ):
        optuna_study.add_trial(old)
    trials = shown(storage, plan_of(tmp_path), "base", row, "both")
    assert [each.params for each in trials] == [
        {"arm": "base", "replicate": 0},
        {"arm": row, "replicate": 1, "kl.weight.weight": 0.1},
        {"arm": "x", "replicate": 0},
        {"arm": "both", "replicate": 2},
    ]
    assert {name: len(found) for name, found in kinds(trials).items()} == dict.fromkeys(trials[1].params, 1)
    assert [each.value for each in trials] == [0.5, 0.5, 0.5, 0.2]


def test_optunas_charts_name_arms_and_settings(storage: Storage, tmp_path: Path) -> None:
    rows = ["base", "weight[weight=0.1]", "weight[weight=0.2]", "both"]
    shown(storage, plan_of(tmp_path), *rows, *rows)
    study = optuna.load_study(study_name="s (ndcg@10)", storage=storage.database)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        shares = optuna.importance.get_param_importances(study)
    assert set(shares) == {"arm", "replicate", "kl.weight.weight"}
    assert study.metric_names == ["validation ndcg@10"]


def test_the_confirmation_of_a_search_has_its_rows_and_the_settings_that_were_found(
    storage: Storage, tmp_path: Path
) -> None:
    plan = planned(tmp_path, search="trials: 4, width: 2, startup: 2, confirm: 1", arms="  peak: fake.peak")
    schedule = scheduled(plan)
    mirror = OptunaMirror(storage, name="s", primary="ndcg@10", plan=plan, schedule=schedule)
    drive = Drive()
    drive.run(schedule)
    assert schedule.confirmed is not None
    winner = schedule.arms["peak"].winner
    assert winner is not None
    for row in ("base", "a/a", "base[default]", "peak"):
        mirror.reused(cell_of(row, 1000), made_record(row, 0.1))
    mirror.settle()
    found = {each.params["arm"]: each.params for each in mirror.study.trials()}
    assert found["peak"]["fake.peak.weight"] == winner.point["fake.peak.weight"]
    assert found["base"] == {**found["a/a"], "arm": "base"}
    assert "base.lr" in found["base"]
    assert found["base[default]"]["base.lr"] == next(
        axis.first for axis in plan.spaces["base"].axes if axis.name == "base.lr"
    )


def test_a_stack_that_is_found_while_the_study_runs_has_the_settings_of_its_arms(
    storage: Storage, tmp_path: Path
) -> None:
    plan = plan_of(tmp_path, "{weight: {kl.weight: {weight: 0.1}}, scale: wiring.scale}", "mode: greedy\n")
    trials = shown(storage, plan, "base", "weight", "weight + scale")
    assert [each.params["arm"] for each in trials] == ["base", "weight", "weight + scale"]
    assert trials[2].params.items() >= trials[1].params.items() - {("arm", "weight"), ("replicate", 1)}
    assert {name: len(found) for name, found in kinds(trials).items()} == dict.fromkeys(trials[2].params, 1)


def test_trials_that_wait_while_the_storage_is_away_take_choices_that_came_later(
    storage: Storage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = plan_of(tmp_path, "{scale: wiring.scale, cosine: wiring.cosine}", "mode: greedy\n")
    mirror = OptunaMirror(storage, name="s", primary="ndcg@10", plan=plan)
    with monkeypatch.context() as patch:
        patch.setattr(storage, "flush", lambda: None)
        for number, row in enumerate(("base", "scale", "scale + cosine")):
            mirror.reused(cell_of(row, number), made_record(row, 0.1))
    mirror.settle()
    assert [each.params["arm"] for each in mirror.study.trials()] == ["base", "scale", "scale + cosine"]
