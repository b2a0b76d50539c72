"""A search decides by results alone: it finds what is planted, in any order, after any stop, with equal budgets."""

from __future__ import annotations

import json
import random
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from harness.modes.plan import Cell, Plan
from harness.modes.search.schedule import DEFAULT, SearchSchedule
from harness.recipe.recipe import Recipe
from harness.results.evidence import Level
from harness.results.manifest import A_A, BASE
from tests.modes.searched import PEAK, Drive, planned, quality, scheduled

ANY_ORDER = settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def searched(plan: Plan, **options: Any) -> tuple[SearchSchedule, Drive]:
    schedule, drive = scheduled(plan), Drive(**options)
    assert drive.run(schedule)
    return schedule, drive


def course(schedule: SearchSchedule) -> dict[str, Any]:
    """As the manifest keeps it."""
    return json.loads(json.dumps(schedule.course()))


def arms(schedule: SearchSchedule) -> dict[str, dict[str, Any]]:
    return {arm["name"]: arm for arm in course(schedule)["arms"]}


def test_a_planted_optimum_is_found(tmp_path: Path) -> None:
    plan = planned(tmp_path, search="trials: 30, width: 3, startup: 6, confirm: 1", arms="  peak: fake.peak")
    schedule, _ = searched(plan)
    arm = arms(schedule)["peak"]
    best = arm["trials"][arm["winner"]]
    assert PEAK / 1.6 < best["setting"]["fake.peak.weight"] < PEAK * 1.6
    assert best["mean"] == max(trial["mean"] for trial in arm["trials"])
    assert best["mean"] > arm["trials"][0]["mean"] + 0.005
    assert next(iter(arm["importance"])) == "fake.peak.weight"
    assert sum(arm["importance"].values()) == pytest.approx(1.0)


def test_a_search_begins_at_the_default_of_each_arm(tmp_path: Path) -> None:
    plan = planned(tmp_path)
    schedule, _ = searched(plan)
    for row in plan.rows:
        assert schedule.arms[row.name].trials[0].recipe == plan.recipes[row.name]


@ANY_ORDER
@given(seed=st.integers(0, 10**6), ahead=st.integers(1, 40))
def test_the_course_depends_neither_on_order_nor_on_how_many_run_at_once(tmp_path: Path, seed: int, ahead: int) -> None:
    plan = planned(tmp_path, search="trials: 7, width: 3, startup: 4, confirm: 2", replicates=4)
    alone, one = searched(plan)
    together, other = searched(plan, rng=random.Random(seed), ahead=ahead)
    assert course(together) == course(alone)
    assert sorted(other.executed) == sorted(one.executed)
    assert list(together.rows()) == list(alone.rows())


@ANY_ORDER
@given(seed=st.integers(0, 10**6), stops=st.lists(st.integers(0, 70), max_size=4))
def test_after_any_stops_no_cell_is_repeated_and_the_course_is_the_same(
    tmp_path: Path, seed: int, stops: list[int]
) -> None:
    plan = planned(tmp_path, search="trials: 7, width: 3, startup: 4, confirm: 2", replicates=4)
    undisturbed, whole = searched(plan)
    drive = Drive(rng=random.Random(seed), ahead=5)
    for stop in sorted(stops):
        drive.run(scheduled(plan), until=stop)
    last = scheduled(plan)
    assert drive.run(last)
    assert Counter(drive.executed) == Counter(whole.executed)
    assert set(Counter(drive.executed).values()) == {1}
    assert course(last) == course(undisturbed)


def test_every_arm_and_base_get_the_same_trials_runs_and_epochs(tmp_path: Path) -> None:
    schedule, drive = searched(planned(tmp_path, search="trials: 7, width: 3, startup: 3, confirm: 2"))
    budgets = {name: arm["budget"] for name, arm in arms(schedule).items()}
    assert set(budgets) == {BASE, "peak", "reverse"}
    for budget in budgets.values():
        assert (budget["trials"], budget["complete"], budget["runs"], budget["epochs"]) == (7, 7, 14, 28)
    assert len(set(drive.named)) == len(drive.named)


def test_generations_are_as_wide_as_asked_and_wait_for_each_other(tmp_path: Path) -> None:
    plan = planned(tmp_path, search="trials: 7, width: 3, startup: 3, confirm: 2", arms="  peak: fake.peak")
    schedule, drive = searched(plan)
    assert [trial["generation"] for trial in arms(schedule)["peak"]["trials"]] == [0, 0, 0, 1, 1, 1, 2]
    fresh = scheduled(plan)
    first = fresh.ready()
    assert {cell.row for cell in first} == {f"{arm}[trial {n}]" for arm in (BASE, "peak") for n in range(3)}
    of_base = [cell for cell in first if cell.row.startswith("base")]
    for cell in of_base[:-1]:
        fresh.finished(cell, drive.records[next(key for key in drive.records if key == _key(cell))])
        assert fresh.ready() == []
    fresh.finished(of_base[-1], drive.records[_key(of_base[-1])])
    assert {cell.row for cell in fresh.ready()} == {f"base[trial {n}]" for n in range(3, 6)}


def _key(cell: Cell) -> str:
    return f"{cell.recipe.digest()}-{cell.streams.replicate}"


def test_pruning_saves_runs_and_leaves_the_best_alone(tmp_path: Path) -> None:
    search = "trials: 24, width: 3, startup: 6, confirm: 1"
    pruned, fewer = searched(planned(tmp_path, search=search, arms="  peak: fake.peak", replicates=8))
    whole, every = searched(planned(tmp_path, search=f"{search}, prune: 0", arms="  peak: fake.peak", replicates=8))
    budget = arms(pruned)["peak"]["budget"]
    assert budget["pruned"] > 4
    assert budget["runs"] == sum(len(trial["values"]) for trial in arms(pruned)["peak"]["trials"])
    assert budget["runs"] < arms(whole)["peak"]["budget"]["runs"] == 24 * 8
    assert len(fewer.executed) < len(every.executed)
    for name, arm in arms(pruned).items():
        truth = {
            trial.number: sum(quality(trial.recipe, replicate) for replicate in range(8)) / 8
            for trial in pruned.arms[name].trials
        }
        assert arm["winner"] == max(truth, key=lambda number: truth[number])
        for trial in arm["trials"]:
            assert len(trial["values"]) >= 4 or trial["state"] == "complete"


def test_with_few_replicates_no_test_can_prune(tmp_path: Path) -> None:
    schedule, _ = searched(planned(tmp_path, search="trials: 9, width: 3, startup: 3, confirm: 1", replicates=4))
    assert all(arm["budget"]["pruned"] == 0 for arm in arms(schedule).values())


def test_two_objectives_show_the_front_and_choose_the_best_quality(tmp_path: Path) -> None:
    search = "trials: 16, width: 4, startup: 8, confirm: 1, objectives: [quality, seconds]"
    schedule, _ = searched(planned(tmp_path, search=search, replicates=6))
    for arm in arms(schedule).values():
        found = {trial["number"]: (trial["mean"], trial["seconds"]) for trial in arm["trials"]}
        assert {trial["state"] for trial in arm["trials"]} == {"complete"}
        front = [
            number
            for number, (good, slow) in found.items()
            if not any(g >= good and s <= slow and (g, s) != (good, slow) for g, s in found.values())
        ]
        assert arm["front"] == front
        assert arm["winner"] == max(found, key=lambda number: found[number][0])
        assert arm["winner"] in front
        assert sum(arm["importance"].values()) == pytest.approx(1.0)


def test_winners_are_confirmed_on_fresh_replicates_once_every_arm_has_searched(tmp_path: Path) -> None:
    plan = planned(tmp_path, search="trials: 8, width: 4, startup: 4, confirm: 3", diagnostics="light")
    schedule, drive = searched(plan)
    confirmed = [place for place, (row, _) in enumerate(drive.named) if "[trial" not in row]
    assert confirmed == list(range(confirmed[0], len(drive.named)))
    assert list(schedule.replicates()) == [1000, 1001, 1002]
    assert {number for row, number in drive.named if "[trial" in row} == {0, 1}
    rows = {each.name: each for each in schedule.rows()}
    assert schedule.confirmed is not None
    recipes = schedule.confirmed.recipes
    assert list(rows) == [BASE, A_A, DEFAULT, "peak", "reverse"]
    base = schedule.arms[BASE].winner
    assert base is not None
    assert recipes[BASE] == recipes[A_A] == base.recipe
    assert recipes[DEFAULT] == plan.base
    best = schedule.arms["peak"].winner
    assert best is not None
    assert rows["peak"].remedies[0]["settings"] == {"weight": best.point["fake.peak.weight"]}
    assert Counter(drive.named[confirmed[0] :]) == {(row, number): 1 for row in rows for number in (1000, 1001, 1002)}


def test_what_is_confirmed_is_diagnosed_as_in_a_grid_and_nothing_else_is(tmp_path: Path) -> None:
    plan = planned(tmp_path, search="trials: 2, width: 2, startup: 1, confirm: 2", diagnostics="light")
    schedule = scheduled(plan)
    seen: list[Cell] = []
    ready = schedule.ready

    def keep() -> list[Cell]:
        cells = list(ready())
        seen.extend(cells)
        return cells

    schedule.ready = keep  # type: ignore[method-assign]
    Drive().run(schedule)
    measured = {(cell.row, cell.replicate) for cell in seen if cell.level is not Level.OFF}
    assert {(BASE, 1000), (BASE, 1001), ("reverse", 1000)} <= measured
    assert not any("[trial" in row or row == A_A for row, _ in measured)
    assert ("reverse", 1001) not in measured


def test_the_same_winner_runs_once(tmp_path: Path) -> None:
    def default_is_best(recipe: Recipe, replicate: int) -> float:
        return 0.2 if recipe == plan.base else quality(recipe, replicate)

    plan = planned(tmp_path, arms="  peak: fake.peak")
    schedule, drive = searched(plan, measure=default_is_best)
    rows = {each.name: each for each in schedule.rows()}
    assert (rows[DEFAULT].status, rows[DEFAULT].alias_of) == ("alias", BASE)
    assert (A_A, 1000) in drive.named
    assert (DEFAULT, 1000) not in drive.named


def test_a_failed_run_fails_its_trial_and_not_the_search(tmp_path: Path) -> None:
    plan = planned(tmp_path, search="trials: 6, width: 3, startup: 3, confirm: 1", arms="  peak: fake.peak")
    broken = {"peak[trial 1]", "base[trial 0]"}
    schedule, _ = searched(plan, broken=lambda cell: "out of luck" if cell.row in broken else "")
    trials = arms(schedule)["peak"]["trials"]
    assert [trial["state"] for trial in trials] == ["complete", "failed", *["complete"] * 4]
    assert trials[1]["reason"] == "replicate 0: out of luck"
    assert arms(schedule)[BASE]["budget"]["failed"] == 1
    assert all(arm["winner"] is not None for arm in arms(schedule).values())


def test_an_arm_of_which_nothing_finishes_is_listed_with_its_reason(tmp_path: Path) -> None:
    schedule, drive = searched(
        planned(tmp_path), broken=lambda cell: "it never works" if cell.row.startswith("peak") else ""
    )
    row = next(each for each in schedule.rows() if each.name == "peak")
    assert row.status == "inapplicable"
    assert schedule.confirmed is not None
    assert "peak" not in schedule.confirmed.recipes
    assert "trial 0, replicate 0: it never works" in row.reason
    assert ("reverse", 1000) in drive.named


def test_a_space_that_has_been_tried_as_a_whole_ends_the_search(tmp_path: Path) -> None:
    fixed = "{wiring.interpolate: {l: 0.3, k: 50, tau: 0.15, admission: memory, targets: all}}"
    plan = planned(
        tmp_path,
        search="trials: 9, width: 4, startup: 2, confirm: 1",
        arms=f"  few: [fake.few, {fixed}]\n  none: {fixed}",
    )
    schedule, _ = searched(plan)
    few, none = arms(schedule)["few"], arms(schedule)["none"]
    assert sorted(trial["setting"]["fake.few.length"] for trial in few["trials"]) == [6, 7, 8]
    assert (few["exhausted"], none["exhausted"], arms(schedule)[BASE]["exhausted"]) == (True, True, False)
    assert (len(none["trials"]), none["winner"]) == (1, 0)


def test_another_seed_or_arm_gives_other_settings(tmp_path: Path) -> None:
    one, two = (searched(planned(tmp_path, seed=seed))[0] for seed in (0, 1))
    assert [t.point for t in one.arms["peak"].trials[1:]] != [t.point for t in two.arms["peak"].trials[1:]]
    points = {name: [t.point["base.lr"] for t in arm.trials[1:]] for name, arm in one.arms.items()}
    assert points["peak"] != points["reverse"]


def test_a_search_that_has_not_ended_says_so(tmp_path: Path) -> None:
    plan = planned(tmp_path)
    schedule, drive = scheduled(plan), Drive()
    assert not drive.run(schedule, until=5)
    told = course(schedule)
    assert not told["done"]
    assert {trial["state"] for trial in arms(schedule)["peak"]["trials"]} == {"running"}
    assert [each.name for each in schedule.rows()] == [BASE, "peak", "reverse"]
