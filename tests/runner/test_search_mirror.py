"""The mirror of a search in an Optuna storage: what any Optuna tool shows, whole after every stop."""

from __future__ import annotations

import random
from collections.abc import Mapping
from pathlib import Path

import optuna
import pytest
from optuna.trial import TrialState

from harness.modes.plan import Plan
from harness.modes.search.sampling import importance, quiet
from harness.modes.search.schedule import SearchSchedule
from harness.runner.optuna.mirror import OptunaMirror, SearchMirror
from harness.runner.optuna.storage import Storage
from tests.modes.searched import Drive, planned, scheduled

SEARCH = "trials: 4, width: 2, startup: 2, confirm: 1"


def storage(folder: Path) -> str:
    return f"sqlite:///{folder / 'optuna.db'}"


def mirrored(plan: Plan, folder: Path, drive: Drive, *, until: int | None = None) -> SearchSchedule:
    opened = Storage(storage(folder))
    OptunaMirror(opened, name=plan.study.slug, primary=plan.study.primary)
    schedule = scheduled(plan, SearchMirror(plan, opened))
    drive.run(schedule, until=until)
    opened.settle()
    return schedule


def studies(folder: Path) -> Mapping[str, optuna.Study]:
    """Arm -> its study; the cells of the confirmation are in one without an arm."""
    names = optuna.get_all_study_names(storage(folder))
    return {
        name.partition(": ")[2].partition(" #")[0]: optuna.load_study(study_name=name, storage=storage(folder))
        for name in names
    }


def test_any_optuna_tool_sees_parameters_values_by_replicate_and_importances(tmp_path: Path) -> None:
    plan = planned(tmp_path, search="trials: 10, width: 5, startup: 5, confirm: 1", arms="  peak: fake.peak")
    schedule = mirrored(plan, tmp_path, Drive())
    found = studies(tmp_path)
    assert set(found) == {"", "base", "peak"}
    for name, arm in schedule.arms.items():
        study = found[name]
        trials = study.get_trials()
        assert [each.user_attrs["trial"] for each in trials] == list(range(10))
        for shown, trial in zip(trials, arm.trials, strict=True):
            assert shown.state is TrialState.COMPLETE
            assert shown.params == dict(trial.point)
            assert shown.intermediate_values == trial.values
            assert shown.value == trial.quality
            assert shown.user_attrs["records"] == {str(number): run.key for number, run in trial.runs.items()}
        assert arm.winner is not None
        assert study.best_trial.user_attrs["trial"] == arm.winner.number
        assert study.metric_names == ["validation ndcg@10"]
        assert importance(study) == pytest.approx(arm.proposals.importance())
        with quiet():
            assert set(optuna.importance.get_param_importances(study)) == set(trials[0].params)


@pytest.mark.parametrize("stops", [(0, 3), (6, 7, 9, 17)])
def test_a_search_that_is_stopped_and_taken_up_leaves_the_same_mirror(tmp_path: Path, stops: tuple[int, ...]) -> None:
    plan = planned(tmp_path, search=SEARCH, arms="  peak: fake.peak")
    drive = Drive(rng=random.Random(1), ahead=4)
    for stop in stops:
        mirrored(plan, tmp_path, drive, until=stop)
    schedule = mirrored(plan, tmp_path, drive)
    mirrored(plan, tmp_path, drive)
    for name, arm in schedule.arms.items():
        trials = studies(tmp_path)[name].get_trials()
        assert [(each.user_attrs["trial"], each.state, each.value) for each in trials] == [
            (trial.number, trial.state, trial.quality) for trial in arm.trials
        ]
        assert [each.intermediate_values for each in trials] == [trial.values for trial in arm.trials]


def test_failed_and_pruned_trials_are_shown_as_such_and_a_failure_is_tried_again(tmp_path: Path) -> None:
    plan = planned(
        tmp_path, search="trials: 8, width: 2, startup: 4, confirm: 1", arms="  peak: fake.peak", replicates=8
    )
    broken = Drive(broken=lambda cell: "out of luck" if cell.row == "peak[trial 7]" else "")
    schedule = mirrored(plan, tmp_path, broken)
    shown = studies(tmp_path)["peak"].get_trials()
    assert [each.state for each in shown] == [each.state for each in schedule.arms["peak"].trials]
    assert {TrialState.COMPLETE, TrialState.PRUNED, TrialState.FAIL} == {each.state for each in shown}
    assert shown[7].user_attrs["failure"] == "replicate 0: out of luck"
    mirrored(plan, tmp_path, Drive(records=broken.records))
    again = [each for each in studies(tmp_path)["peak"].get_trials() if each.user_attrs["trial"] == 7]
    assert len(again) == 2
    assert again[0].state is TrialState.FAIL
    assert again[1].state is not TrialState.FAIL


def test_two_objectives_are_shown_with_both_values(tmp_path: Path) -> None:
    plan = planned(tmp_path, search=f"{SEARCH}, objectives: [quality, seconds]", arms="  peak: fake.peak")
    schedule = mirrored(plan, tmp_path, Drive())
    study = studies(tmp_path)["peak"]
    assert study.metric_names == ["validation ndcg@10", "seconds"]
    assert [each.values for each in study.get_trials()] == [
        [trial.quality, trial.seconds] for trial in schedule.arms["peak"].trials
    ]
    assert sorted(each.user_attrs["trial"] for each in study.best_trials) == schedule.arms["peak"].proposals.front()


def test_another_course_of_the_search_is_another_study(tmp_path: Path) -> None:
    for replicates in (2, 3):
        mirrored(planned(tmp_path, search=SEARCH, arms="  peak: fake.peak", replicates=replicates), tmp_path, Drive())
    names = [name for name in optuna.get_all_study_names(storage(tmp_path)) if ": peak #" in name]
    assert len(names) == len(set(names)) == 2


def test_a_search_decides_the_same_with_and_without_its_mirror(tmp_path: Path) -> None:
    plan = planned(tmp_path, search=SEARCH, arms="  peak: fake.peak")
    alone = scheduled(plan)
    Drive().run(alone)
    seen = mirrored(plan, tmp_path, Drive())
    assert seen.course() == alone.course()
