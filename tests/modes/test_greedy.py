"""The greedy choice of a stack on made records: it finds what is planted, stops where it should, and can be resumed."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from harness.interventions import CATALOGUE
from harness.modes.base import mode_of
from harness.modes.plan import Plan
from harness.modes.planning import make_plan
from harness.study.study import load_study
from tests.runner.made import MadeExecutor, Worth, run_made, settle

ARMS = """\
  cosine: wiring.cosine
  attention: wiring.retriever_attention
  scale: wiring.scale
  reverse: kl.reverse
  interpolate: wiring.interpolate
"""
PlanFrom = Callable[..., Plan]


@pytest.fixture
def plan_from(tmp_path: Path) -> PlanFrom:
    def build(*, arms: str = ARMS, replicates: int = 2, end: str = "greedy: {confirm: 2}\n") -> Plan:
        path = tmp_path / "greedy.yaml"
        head = f"name: greedy\nquestion: Which stack?\ndata: ml-100k\narms:\n{arms}mode: greedy\n"
        path.write_text(f"{head}replicates: {replicates}\ndiagnostics: off\n{end}", encoding="utf-8")
        return make_plan(load_study(path, catalogue=CATALOGUE))

    return build


def additive(**gains: float) -> Worth:
    """Base 0.1, each arm its own gain, and a level of each replicate that all share."""

    def worth(arms: frozenset[str], replicate: int) -> float:
        return 0.1 + 0.01 * replicate + sum(gains.get(arm, -0.01) for arm in arms)

    return worth


def play(plan: Plan, worth: Worth, *, seed: int = 0, broken: frozenset[tuple[str, int]] = frozenset()):
    schedule = mode_of(plan.study).schedule(plan)
    generations = settle(schedule, worth, np.random.default_rng(seed), broken)
    return schedule, json.loads(json.dumps(schedule.course())), generations


def test_a_planted_stack_is_found_in_the_order_of_its_gains_and_confirmed_on_fresh_replicates(plan_from) -> None:
    plan = plan_from()
    schedule, course, generations = play(plan, additive(cosine=0.01, scale=0.03, attention=0.002))
    assert course["path"] == [["scale"], ["scale", "cosine"], ["scale", "cosine", "attention"]]
    assert (course["ending"], course["finished"]) == ("threshold", True)
    names = [row.name for row in schedule.rows()]
    assert names == ["base", "a/a", "scale", "cosine + scale", "cosine + attention + scale"]
    assert list(schedule.replicates()) == [1000, 1001]
    assert generations[-1] == {(name, number) for name in names for number in (1000, 1001)}
    assert all(number < 2 for cells in generations[:-1] for _, number in cells)
    first = course["steps"][0]
    gains = {each["arm"]: each["gain"] for each in first["tries"]}
    assert gains["scale"] == pytest.approx(0.03)
    assert gains["interpolate"] == pytest.approx(-0.01)
    assert first["value"] == pytest.approx(0.105)


def test_each_cell_is_named_once_and_a_round_names_only_what_is_new(plan_from) -> None:
    _, course, generations = play(plan_from(), additive(cosine=0.01, scale=0.03, attention=0.002))
    named = [cell for cells in generations for cell in cells]
    assert len(named) == len(set(named))
    assert len(generations[0]) == 2 * 6
    backward = course["steps"][-1]
    assert backward["kind"] == "backward"
    assert [each["row"] for each in backward["tries"]] == ["attention + scale", "cosine + scale", "cosine + attention"]


def test_a_primary_metric_that_the_runs_did_not_measure_is_that_of_their_ranks(plan_from) -> None:
    _, course, _ = play(plan_from(end="greedy: {confirm: 2}\nprimary: mrr\n"), additive(cosine=0.01))
    assert (course["metric"], course["ending"], course["path"]) == ("mrr", "threshold", [])
    assert course["threshold"]["value"] == pytest.approx(course["threshold"]["fraction"] * np.mean(1 / np.arange(1, 6)))


def test_what_adds_less_than_the_threshold_is_not_taken(plan_from) -> None:
    worth = additive(scale=0.03, cosine=0.0009)
    _, course, _ = play(plan_from(), worth)
    assert course["path"] == [["scale"]]
    assert course["threshold"] == {"fraction": 0.01, "value": pytest.approx(0.00105)}
    _, course, _ = play(plan_from(end="greedy: {gain: 0.005}\n"), worth)
    assert course["path"] == [["scale"], ["scale", "cosine"]]


def test_a_gain_within_its_standard_error_is_not_taken(plan_from) -> None:
    def worth(arms: frozenset[str], replicate: int) -> float:
        return 0.1 + ("scale" in arms) * (0.02, -0.01)[replicate % 2] - 0.05 * len(arms - {"scale"})

    schedule, course, _ = play(plan_from(), worth)
    (tried,) = (each for each in course["steps"][0]["tries"] if each["arm"] == "scale")
    assert (tried["gain"], tried["se"]) == (pytest.approx(0.005), pytest.approx(0.015))
    assert (course["path"], course["ending"], course["runner_up"]) == ([], "threshold", "scale")
    assert [row.name for row in schedule.rows()] == ["base", "a/a", "scale"]


def test_it_ends_at_the_size_that_was_asked_for_and_where_nothing_is_left(plan_from) -> None:
    worth = additive(cosine=0.01, scale=0.03, attention=0.02, reverse=0.04, interpolate=0.0)
    _, course, _ = play(plan_from(end="greedy: {most: 2}\n"), worth)
    assert (course["path"][-1], course["ending"]) == (["reverse", "scale"], "most")
    _, course, _ = play(plan_from(arms=ARMS.replace("  reverse: kl.reverse\n", "")), worth)
    assert (course["path"][-1], course["ending"]) == (["scale", "attention", "cosine"], "none_left")


def test_what_does_not_compose_with_the_stack_is_named_with_the_reason_and_never_run(plan_from) -> None:
    _, course, generations = play(plan_from(), additive(cosine=0.01, scale=0.03, interpolate=0.005))
    second = course["steps"][1]
    (out,) = (each for each in second["tries"] if each["arm"] == "interpolate")
    assert (second["stack"], out["state"], out["gain"]) == (["scale"], "left_out", None)
    assert "LinearMixing scores by the backbone's vector" in out["reason"]
    assert not any("interpolate +" in row or "+ interpolate" in row for cells in generations for row, _ in cells)


def test_an_arm_that_cannot_act_alone_waits_for_the_stack_that_lets_it(plan_from) -> None:
    arms = "  pareto: loss.pareto\n  attention: wiring.retriever_attention\n"
    _, course, generations = play(plan_from(arms=arms), additive(pareto=0.02, attention=0.01))
    assert course["path"] == [["attention"], ["attention", "pareto"]]
    assert course["steps"][0]["tries"][0]["state"] == "left_out"
    assert "at least 2" in course["steps"][0]["tries"][0]["reason"]
    (without,) = (each for each in course["steps"][-1]["tries"] if each["arm"] == "attention")
    assert (course["steps"][-1]["kind"], without["state"]) == ("backward", "left_out")
    assert ("pareto", 0) not in generations[0]


def test_the_check_backward_drops_what_became_redundant(plan_from) -> None:
    def worth(arms: frozenset[str], replicate: int) -> float:
        value = 0.1 + 0.03 * ("scale" in arms) + 0.02 * ("cosine" in arms) + 0.02 * ("attention" in arms)
        made_by_two = 0.03 * ({"cosine", "attention"} <= arms and "scale" in arms)
        return (
            value
            - made_by_two
            - 0.05 * bool(arms & {"reverse", "interpolate"})
            + 0.031 * (arms >= {"cosine", "attention"})
        )

    _, course, _ = play(plan_from(), worth)
    assert course["path"][2] == ["scale", "cosine", "attention"]
    assert course["steps"][-2]["chosen"] == "scale"
    assert course["path"][-1] == ["cosine", "attention"]
    assert course["steps"][-1]["stack"] == ["cosine", "attention"]
    assert course["steps"][-1]["chosen"] == ""
    assert list(course["confirmed"]) == ["scale", "cosine + scale", "cosine + attention + scale", "cosine + attention"]


def test_a_member_whose_absence_changes_nothing_is_dropped(plan_from) -> None:
    values = {
        ("scale",): 0.12,
        ("cosine",): 0.11,
        ("cosine", "scale"): 0.14,
        ("attention", "cosine"): 0.15,
        ("attention", "cosine", "scale"): 0.15,
    }

    def worth(arms: frozenset[str], replicate: int) -> float:
        return values.get(tuple(sorted(arms)), 0.1)

    _, course, _ = play(plan_from(), worth)
    assert course["path"][-2:] == [["scale", "cosine", "attention"], ["cosine", "attention"]]


def test_a_candidate_with_a_failed_run_is_not_chosen_and_one_replicate_of_base_is_enough(plan_from) -> None:
    worth = additive(cosine=0.01, scale=0.03)
    _, course, _ = play(plan_from(), worth, broken=frozenset({("scale", 1)}))
    (tried,) = (each for each in course["steps"][0]["tries"] if each["arm"] == "scale")
    assert (tried["state"], tried["reason"], course["path"][0]) == ("failed", "it broke", ["cosine"])
    _, course, _ = play(plan_from(), worth, broken=frozenset({("base", 1), ("scale", 1)}))
    assert course["path"][0] == ["scale"]
    assert course["steps"][0]["tries"][2]["se"] is None
    schedule, course, generations = play(plan_from(), worth, broken=frozenset({("base", 0), ("base", 1)}))
    assert (course["ending"], course["steps"], course["finished"], len(generations)) == ("base_failed", [], True, 1)
    assert [row.name for row in schedule.rows()] == ["base", "a/a"]


def test_the_order_in_which_a_round_finishes_decides_nothing(plan_from) -> None:
    rng = np.random.default_rng(3)
    table: dict[tuple[frozenset[str], int], float] = {}

    def worth(arms: frozenset[str], replicate: int) -> float:
        return table.setdefault((arms, replicate), 0.1 + 0.02 * float(rng.standard_normal()))

    plan = plan_from()
    played = [play(plan, worth, seed=seed)[1:] for seed in range(8)]
    assert all(each == played[0] for each in played)
    assert played[0][0]["path"]


def test_ties_go_to_the_first_arm_of_the_file(plan_from) -> None:
    _, course, _ = play(plan_from(), additive(attention=0.02, scale=0.02, cosine=0.02))
    assert course["path"][0] == ["cosine"]


def test_workers_decide_nothing_and_a_restart_at_any_point_repeats_no_cell_and_ends_alike(plan_from, tmp_path) -> None:
    plan, worth = plan_from(), additive(cosine=0.01, scale=0.03, attention=0.002)
    alone = MadeExecutor(worth, slots=1)
    whole = run_made(plan, tmp_path / "whole", alone)
    expected, n_cells = whole.schedule.course(), len(alone.ran)
    assert n_cells == len(set(alone.ran)) == 12 + 6 + 4 + 2 + 2 + 10
    four = MadeExecutor(worth, slots=4, seed=5)
    assert run_made(plan, tmp_path / "four", four).schedule.course() == expected
    assert sorted(four.ran) == sorted(alone.ran)
    for most in (0, 1, 7, 12, 13, 20, n_cells - 1):
        first = MadeExecutor(worth, slots=3, seed=most, most=most)
        run_made(plan, tmp_path / f"at{most}", first)
        second = MadeExecutor(worth, slots=2, seed=most + 1)
        resumed = run_made(plan, tmp_path / f"at{most}", second)
        assert resumed.schedule.course() == expected
        repeated = set(first.ran) & set(second.ran)
        assert set(first.ran) | set(second.ran) == set(alone.ran)
        assert len(repeated) <= 2 * 3  # those that were running when Ctrl-C came


def test_a_failed_cell_is_tried_again_by_the_next_run_and_the_way_follows_the_records(plan_from, tmp_path) -> None:
    plan, worth = plan_from(), additive(cosine=0.01, scale=0.03)
    broken = MadeExecutor(worth, slots=2, broken=frozenset({("scale", 0)}))
    first = run_made(plan, tmp_path / "runs", broken).schedule.course()["path"]
    assert first == [["cosine"], ["cosine", "scale"]]
    whole = MadeExecutor(worth, slots=2)
    assert run_made(plan, tmp_path / "runs", whole).schedule.course()["path"] == [["scale"], ["scale", "cosine"]]
    assert ("scale", 0) in whole.ran
    assert ("base", 0) not in whole.ran


def test_the_forecast_lists_the_first_round_and_bounds_the_rest(plan_from) -> None:
    plan = plan_from()
    assert {(cell.row, cell.replicate) for cell in plan.cells()} == {
        (name, number)
        for name in ("base", "cosine", "attention", "scale", "reverse", "interpolate")
        for number in (0, 1)
    }
    assert plan.notes[0].startswith("greedy: 5 candidates, at most 4 in the stack, each must gain 1.00%")
    assert "66 cells at most, 18 of them the confirmation" in plan.notes[1]
