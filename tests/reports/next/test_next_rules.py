"""Each rule of the next study, planted and absent, and the order in which they are asked."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from harness.checks.problems.study import EDGE
from harness.modes.planning import make_plan
from harness.results.folder import StudyFolder
from reports.checks.edges import distance_of
from reports.next.build import adopt_for_now
from reports.next.catalogue import NEXT_RULES
from reports.next.rules.ranges import _beyond
from reports.next.rules.undecided import DecideArms
from reports.next.rules.winners import ConfirmWinner
from reports.sections.cells import GuardCell
from tests.reports.diagnosed import AS_FOUND, HEALTHY
from tests.reports.following import HEAD, followed, given, next_study, proposals, read
from tests.reports.worlds import Arm

BETTER, EQUAL, OPEN = Arm(shift=0.6), Arm(touched=0.0), Arm(shift=0.02)
NO_GAIN = {**HEALTHY, "head_room.oracle_alpha": 0.09}
"""Evidence that advises nothing that pays."""

CONFIRMS = {"study": "first", "expects": {"reverse": {"rule": "confirm_winner", "verdict": "better"}}}


def stacks(folder: StudyFolder) -> dict[str, set[str]]:
    """Arm -> ids of its remedies, of the study file of the next study, which composes."""
    study = read(next_study(folder))
    make_plan(study)
    return {row.name: {each.id for each in row.stack} for row in study.rows}


def test_failed_cells_of_base_run_again_before_anything_else(tmp_path: Path) -> None:
    folder = followed(tmp_path / "failed", {"reverse": BETTER}, failures={("base", 1): "out of memory\ntrace"})
    found = next_study(folder)
    assert (found.rule, found.name, found.reused, found.cells) == ("finish_study", "tested", 8, 9)
    assert "out of memory" in found.rules[0].because
    assert "trace" not in found.rules[0].because
    assert not {"finish_study", "retry_failed"} & proposals(followed(tmp_path / "whole", {"reverse": BETTER})).keys()


def test_an_arm_that_always_fails_does_not_hold_up_a_winner(tmp_path: Path) -> None:
    failures = {("js", number): "no such thing" for number in range(3)}
    won = followed(tmp_path / "won", {"reverse": BETTER, "js": EQUAL}, failures=failures)
    assert next_study(won).rule == "confirm_winner"
    open_ = next_study(followed(tmp_path / "open", {"reverse": EQUAL, "js": EQUAL}, failures=failures))
    assert (open_.rule, open_.name, open_.cells - open_.reused) == ("retry_failed", "tested", 3)


def test_cells_that_have_not_run_are_run(tmp_path: Path) -> None:
    folder = followed(tmp_path / "cut", {"reverse": BETTER}, missing=[("reverse", 2)])
    found = next_study(folder)
    assert found.rule == "finish_study"
    assert "1 cells have not run" in found.rules[0].because


def test_a_winner_is_confirmed_on_fresh_seeds_alone(tmp_path: Path) -> None:
    folder = followed(tmp_path / "won", {"reverse": BETTER, "js": EQUAL}, content=HEAD + "seed: 4\n", seed=4)
    found = next_study(folder)
    study = read(found)
    assert (found.rule, found.name, found.reused) == ("confirm_winner", "tested_confirm", 0)
    assert study.seed == 5
    assert 3 <= study.replicates <= 10
    assert stacks(folder) == {"reverse": {"kl.reverse"}}
    assert study.follows["expects"]["reverse"]["rule"] == "confirm_winner"
    assert study.follows["expects"]["reverse"]["gain"] > 0.0
    absent = proposals(followed(tmp_path / "none", {"js": EQUAL}))
    assert not {"confirm_winner", "adopt_winner"} & absent.keys()


def test_a_runner_up_that_cannot_be_told_apart_is_confirmed_too(tmp_path: Path) -> None:
    folder = followed(tmp_path / "two", {"reverse": BETTER, "js": Arm(shift=0.6), "cosine": EQUAL})
    assert set(stacks(folder)) == {"reverse", "js"}


def test_a_winner_is_confirmed_together_with_what_is_predicted_on_top_of_it(tmp_path: Path) -> None:
    figures = {**AS_FOUND, "history.unseen_items": 0.0802}
    folder = followed(tmp_path / "won", {"seen": BETTER}, figures=figures)
    found = next_study(folder)
    made = stacks(folder)
    expects = read(found).follows["expects"]
    assert found.rule == "confirm_winner"
    assert made.pop("seen") == {"wiring.filter_seen"}
    assert 1 <= len(made) <= 2
    assert {"wiring.filter_seen", "wiring.overlap", "wiring.product"} in made.values()
    assert all("wiring.filter_seen" in stack and len(stack) > 1 for stack in made.values())
    assert {each["verdict"] for each in expects.values()} == {"better"}
    assert all(expects[name]["gain"] >= expects["seen"]["gain"] for name in made)
    assert all(expects[name]["rule"] != "confirm_winner" for name in made)


def test_what_was_tried_on_top_of_a_winner_is_not_tried_on_it_as_base(tmp_path: Path) -> None:
    follows = {"study": "first", "expects": {"seen": {"rule": "confirm_winner", "verdict": "better"}}}
    arms = {"seen": BETTER, "seen_product": EQUAL}
    folder = followed(tmp_path / "held", arms, figures=AS_FOUND, rows={"seen": AS_FOUND}, follows=follows)
    found = next_study(folder)
    assert found.rule == "adopt_winner"
    made = stacks(folder) if found.file else {}
    assert {"wiring.overlap", "wiring.product"} not in made.values()


def test_a_better_arm_that_lowers_a_guard_is_not_confirmed(tmp_path: Path) -> None:
    seen = given(followed(tmp_path / "won", {"reverse": BETTER}))
    fallen = GuardCell(metric="recall@10", effect=-0.1, low=-0.2, high=-0.05, p_holm=0.001, fell=True)
    rows = tuple(replace(row, guards=(fallen,)) if row.name == "reverse" else row for row in seen.section.rows)
    assert ConfirmWinner().propose(seen) is not None
    assert ConfirmWinner().propose(replace(seen, section=replace(seen.section, rows=rows))) is None


def test_a_confirmed_winner_becomes_base_and_its_own_evidence_goes_on(tmp_path: Path) -> None:
    paying = {**AS_FOUND, "history.unseen_items": 0.06}
    folder = followed(
        tmp_path / "held", {"reverse": BETTER}, figures=HEALTHY, rows={"reverse": paying}, follows=CONFIRMS
    )
    found = next_study(folder)
    study = read(found)
    assert found.rule == "adopt_winner"
    assert [each.id for each in study.base] == ["kl.reverse"]
    assert {"wiring.filter_seen"} in stacks(folder).values()
    assert found.reused == 0


def test_a_confirmed_winner_without_further_advice_ends_the_chain(tmp_path: Path) -> None:
    folder = followed(tmp_path / "end", {"reverse": BETTER}, figures=NO_GAIN, follows=CONFIRMS)
    found = next_study(folder)
    assert (found.rule, found.file, found.command, found.name) == ("adopt_winner", "", "", "")
    assert "reverse" in found.sentence


def test_a_confirmation_that_fails_is_not_adopted(tmp_path: Path) -> None:
    folder = followed(tmp_path / "fails", {"reverse": EQUAL}, figures=NO_GAIN, follows=CONFIRMS)
    assert "adopt_winner" not in proposals(folder)


def test_predicted_gains_are_tried_alone_and_together(tmp_path: Path) -> None:
    figures = {**AS_FOUND, "history.unseen_items": 0.0802}
    folder = followed(tmp_path / "open", {"reverse": EQUAL}, figures=figures)
    found = next_study(folder)
    made = stacks(folder)
    assert found.rule == "try_predicted_gains"
    assert found.gain == pytest.approx(0.0802 - 0.0396)
    assert next(iter(made.values())) == {"wiring.filter_seen"}
    assert {"wiring.filter_seen", "wiring.interpolate"} in made.values()
    assert {"wiring.filter_seen", "wiring.overlap", "wiring.product"} in made.values()
    assert 2 <= len(made) <= 6
    expects = read(found).follows["expects"]
    assert set(expects) == set(made)
    gains = [each["gain"] for each in expects.values()]
    assert gains[0] == max(gains)
    assert f"{found.gain:+.4f}" in found.sentence


@pytest.mark.parametrize(("hidden", "there"), [(0.0746, True), (0.0551, False), (math.nan, True)])
def test_a_mixture_whose_gain_vanishes_with_history_hidden_is_not_beside_the_filter(
    tmp_path: Path, hidden: float, there: bool
) -> None:
    figures = {**AS_FOUND, "history.unseen_items": 0.0802, "head_room.interpolation_unseen": hidden}
    seen = given(followed(tmp_path / "open", {"reverse": EQUAL}, figures=figures))
    mixed = ("wiring.interpolate",)
    assert seen.vanishes(mixed) == (not there)
    found = proposals(followed(tmp_path / "again", {"reverse": EQUAL}, figures=figures))["try_predicted_gains"]
    assert any("wiring.filter_seen" in arm.ids for arm in found.arms)
    if not there:
        assert not any("wiring.interpolate" in arm.ids and "wiring.overlap" not in arm.ids for arm in found.arms)
    tried = followed(tmp_path / "tried", {"seen": EQUAL}, figures=figures)
    assert any("wiring.overlap" in arm.ids for arm in proposals(tried)["try_predicted_gains"].arms)


def test_base_alone_has_texts_of_its_own(tmp_path: Path) -> None:
    figures = {**AS_FOUND, "history.unseen_items": 0.0802}
    folder = followed(tmp_path / "alone", {}, figures=figures)
    for lang, said in (("en", "Only base was run"), ("zh", "本次只运行了 base")):
        assert said in next_study(folder, lang).rules[0].because
    assert "try them first" in adopt_for_now("Keep base.", given(folder).section)
    arm = followed(tmp_path / "arm", {"reverse": EQUAL}, figures=figures)
    assert "before you decide" in adopt_for_now("Keep base.", given(arm).section)


def test_what_a_row_or_base_has_tried_is_not_tried_again(tmp_path: Path) -> None:
    figures = {**AS_FOUND, "history.unseen_items": 0.0802}
    tried = followed(tmp_path / "tried", {"seen": EQUAL}, figures=figures)
    assert {"wiring.filter_seen"} not in stacks(tried).values()
    based = followed(
        tmp_path / "based",
        {"reverse": EQUAL},
        content=HEAD + "base: wiring.filter_seen\n",
        figures=figures,
    )
    assert not any("wiring.filter_seen" in stack for stack in stacks(based).values())


def test_a_stack_that_does_not_compose_is_left_out_and_named(tmp_path: Path) -> None:
    content = HEAD + "protocol: {history: hide}\n"
    figures = {**AS_FOUND, "history.unseen_items": 0.0802}
    folder = followed(tmp_path / "hidden", {"reverse": EQUAL}, content=content, figures=figures)
    found = next_study(folder)
    assert not any("wiring.filter_seen" in stack for stack in stacks(folder).values())
    assert any(each.startswith("wiring.filter_seen:") for each in found.dropped)


def test_without_a_predicted_gain_what_moves_is_tried(tmp_path: Path) -> None:
    silent = {
        name: math.nan if name.startswith(("mixing.", "head_room.", "history.")) else value
        for name, value in AS_FOUND.items()
    }
    content = HEAD + "base: kl.symmetric\n"  # not as published: rule use_learning_base is silent
    folder = followed(tmp_path / "moves", {"reverse": EQUAL}, content=content, figures=silent)
    found = next_study(folder)
    assert found.rule == "try_what_moves"
    assert {"wiring.cosine"} in stacks(folder).values()
    assert {each["verdict"] for each in read(found).follows["expects"].values()} == {"moves"}
    healthy = followed(tmp_path / "healthy", {"reverse": EQUAL}, figures=NO_GAIN)
    assert "try_what_moves" not in proposals(healthy)


def searched(path: Path, best: float, arm: Arm = EQUAL, **options: Any) -> StudyFolder:
    """A finished search of the KL weight between .001 and .1, whose best setting is `best`."""
    parameter = {
        "name": "kl.weight.weight",
        "owner": "kl.weight",
        "scale": "float",
        "low": 0.001,
        "high": 0.1,
        "log": True,
        "choices": [],
        "default": 0.03,
    }
    content = HEAD + "mode: search\nsearch: {trials: 4}\n"
    folder = followed(path, {"weight": arm}, content=content, **{"figures": NO_GAIN, **options})
    arms = [
        {
            "name": "weight",
            "winner": 0,
            "trials": [
                {"setting": {parameter["name"]: best}, "state": "complete", "mean": 0.1, "values": {"0": 0.1, "1": 0.1}}
            ],
            "parameters": [parameter],
        }
    ]
    course = {"mode": "search", "done": True, "trials": 4, "replicates": [0, 1], "arms": arms}
    folder.write_manifest(replace(folder.manifest(), course=course))
    return folder


def test_a_best_setting_on_the_edge_is_searched_beyond_it(tmp_path: Path) -> None:
    inside = searched(tmp_path / "inside", 0.01)
    assert "widen_range" not in proposals(inside)
    found = proposals(searched(tmp_path / "edge", 0.098))["widen_range"]
    written: Any = found.keys["arms"]
    values = written["weight"][0]["kl.weight"]["weight"]
    assert len(values) > 2
    assert values[0] == pytest.approx(0.1 / 100**0.25, rel=0.01)  # a quarter of the range inside, on its log scale
    assert values[1] == pytest.approx(0.1)
    assert values == sorted(values)


def test_a_wider_search_is_a_search(tmp_path: Path) -> None:
    study = read(next_study(searched(tmp_path / "edge", 0.098)))
    assert (study.mode.name, study.replicates, study.arms) == ("search", 2, ("weight",))
    assert study.rows[0].openings[0].values[1] == pytest.approx(0.1)
    assert study.follows["rule"] == "widen_range"


def test_a_wider_search_is_not_widened_again(tmp_path: Path) -> None:
    follows = {"study": "tested", "rule": "widen_range"}
    assert "widen_range" not in proposals(searched(tmp_path / "again", 0.098, follows=follows))


@pytest.mark.parametrize(
    ("best", "changes", "n"),
    [
        (0.98, {"log": False, "low": 0.1, "high": 1.0}, 5),
        (0.9, {"log": False, "low": 0.1, "high": 1.0}, 0),
        (1.0, {"log": False, "low": 0.1, "high": 1.0, "limits": [0.0, 1.0]}, 0),  # the end is a bound
        (3, {"choices": [1, 2, 3]}, 5),
        (2, {"choices": [1, 2, 3]}, 0),
        (2, {"choices": [1, 2]}, 0),  # every one of two is an end
    ],
)
def test_the_edge_is_that_of_the_check(best: float, changes: dict[str, Any], n: int) -> None:
    raw = {"scale": "float", "low": None, "high": None, "log": False, "choices": [], **changes}
    distance = distance_of(raw, best)
    assert len(_beyond(raw, best)) == n
    assert (distance is not None and distance <= EDGE) == bool(n)


def test_base_as_it_was_before_a_search_is_no_arm(tmp_path: Path) -> None:
    folder = followed(
        tmp_path / "default",
        {"base[default]": BETTER, "reverse": EQUAL},
        content=HEAD,
        figures=NO_GAIN,
    )
    manifest = folder.manifest()
    bare = (replace(row, remedies=()) if row.name == "base[default]" else row for row in manifest.rows)
    folder.write_manifest(replace(manifest, rows=tuple(bare)))
    seen = given(folder)
    assert [row.name for row in seen.arms] == ["reverse"]
    assert seen.helped == ()
    assert not proposals(folder)


@pytest.mark.parametrize("arm", [BETTER, Arm(shift=0.04, seed_sd=0.03)])
def test_rows_of_a_search_are_not_run_without_the_settings_of_base_that_it_chose(tmp_path: Path, arm: Arm) -> None:
    folder = searched(tmp_path / "won", 0.01, arm)
    assert not proposals(folder)
    assert "fresh seeds" in next_study(folder).sentence
    plain = proposals(followed(tmp_path / "grid", {"weight": arm}, figures=NO_GAIN))
    assert {"confirm_winner", "decide_arms"} & plain.keys()


def test_a_confirmed_winner_of_a_search_is_not_adopted_without_its_settings(tmp_path: Path) -> None:
    expects = {"weight": {"rule": "confirm_winner", "verdict": "better"}}
    folder = searched(tmp_path / "won", 0.01, BETTER, follows={"study": "first", "expects": expects})
    assert "adopt_winner" not in proposals(folder)


def test_a_search_that_still_improves_is_not_trained_longer_without_its_settings(tmp_path: Path) -> None:
    rising = {
        **NO_GAIN,
        "training.best_epoch_is_last": 1.0,
        "training.last_slope": 0.01,
        "training.last_slope_error": 0.001,
    }
    folder = searched(tmp_path / "short", 0.01, figures=rising, diagnosed={"base": (0,)})
    assert given(folder).fired("FTR202")
    assert "train_longer" not in proposals(folder)


def test_after_a_search_that_helped_a_predicted_gain_is_tried_and_the_text_says_from_where(tmp_path: Path) -> None:
    figures = {**AS_FOUND, "history.unseen_items": 0.0802}
    found = next_study(searched(tmp_path / "won", 0.01, BETTER, figures=figures))
    assert found.rule == "try_predicted_gains"
    assert "without the settings that the search gave base" in found.rules[0].because
    assert "No arm" not in found.rules[0].because


def test_undecided_arms_get_as_many_seeds_as_decide(tmp_path: Path) -> None:
    folder = followed(tmp_path / "open", {"reverse": Arm(shift=0.04, seed_sd=0.03), "js": EQUAL}, figures=NO_GAIN)
    found = proposals(folder)["decide_arms"]
    assert [arm.name for arm in found.arms] == ["reverse"]
    assert found.n_seeds > 3
    assert (found.reuses, found.fresh) == (True, False)
    assert "decide_arms" not in proposals(followed(tmp_path / "done", {"js": EQUAL}))


def greedy(path: Path, arms: dict[str, Arm], **options: Any) -> StudyFolder:
    """A finished greedy study on the fresh replicates 1000 to 1002, with one round that tried the arm js."""
    folder = followed(path, arms, replicates=(1000, 1001, 1002), **options)
    course = {
        "mode": "greedy",
        "candidates": [{"name": "js", "remedies": ["kl.symmetric"]}],
        "steps": [{"kind": "forward", "stack": [], "tries": [{"arm": "js", "row": "js", "state": "tried"}]}],
    }
    folder.write_manifest(replace(folder.manifest(), course=course))
    return folder


def test_undecided_stacks_of_greedy_are_decided_on_fresh_seeds(tmp_path: Path) -> None:
    folder = greedy(tmp_path / "open", {"reverse": Arm(shift=0.04, seed_sd=0.03)}, figures=NO_GAIN, seed=4)
    found = next_study(folder)
    study = read(found)
    assert (found.rule, found.reused, study.seed) == ("decide_arms", 0, 5)
    assert "fresh seeds" in found.sentence
    assert study.replicates == proposals(folder)["decide_arms"].n_seeds


def test_records_on_fresh_seeds_are_not_counted_as_reused(tmp_path: Path) -> None:
    figures = {**AS_FOUND, "history.unseen_items": 0.0802}
    found = next_study(greedy(tmp_path / "pays", {"reverse": EQUAL}, figures=figures))
    assert (found.rule, found.reused) == ("try_predicted_gains", 0)


def test_what_greedy_tried_on_the_way_is_not_tried_again(tmp_path: Path) -> None:
    folder = greedy(tmp_path / "tried", {"reverse": EQUAL}, figures=NO_GAIN)
    course = {
        "mode": "greedy",
        "candidates": [
            {"name": name, "remedies": [id]}
            for name, id in (("seen", "wiring.filter_seen"), ("scale", "wiring.scale(k=1)"), ("js", "kl.symmetric"))
        ],
        "steps": [
            {
                "kind": "forward",
                "stack": ["seen"],
                "tries": [{"arm": "scale", "state": "tried"}, {"arm": "js", "state": "failed"}],
            },
            {"kind": "backward", "stack": ["seen", "scale"], "tries": [{"arm": "scale", "state": "tried"}]},
        ],
    }
    folder.write_manifest(replace(folder.manifest(), course=course))
    seen = given(folder)
    assert seen.tried(["wiring.filter_seen", "wiring.scale"])
    assert seen.tried(["wiring.filter_seen"])
    assert not seen.tried(["wiring.scale"])
    assert not seen.tried(["wiring.filter_seen", "kl.symmetric"])


def test_an_arm_of_one_seed_gets_three(tmp_path: Path) -> None:
    folder = followed(tmp_path / "one", {"reverse": BETTER}, replicates=(0,))
    found = next_study(folder)
    study = read(found)
    assert (found.rule, study.replicates, study.seed) == ("decide_arms", 3, 0)
    assert found.reused == 3  # base, a/a and the arm on the seed that all have


def test_targets_are_raised_where_no_number_of_seeds_decides(tmp_path: Path) -> None:
    seen = given(followed(tmp_path / "noisy", {"reverse": OPEN, "js": EQUAL}))
    rows = tuple(
        replace(row, verdict="inconclusive", seeds_needed=None, needs_targets=True, targets_needed=7)
        if row.name == "reverse"
        else row
        for row in seen.section.rows
    )
    found = DecideArms().propose(replace(seen, section=replace(seen.section, rows=rows)))
    assert found is not None
    assert found.keys["protocol"] == {"targets": 7}
    assert ([arm.name for arm in found.arms], found.n_seeds, found.reuses) == (["reverse"], 3, False)


def test_arms_too_close_to_base_are_left_alone(tmp_path: Path) -> None:
    folder = followed(tmp_path / "close", {"reverse": Arm(shift=0.1, touched=0.1)}, figures=NO_GAIN)
    row = next(each for each in given(folder).section.rows if each.name == "reverse")
    assert row.seeds_needed is not None
    assert row.seeds_needed > 20
    assert "decide_arms" not in proposals(folder)


def test_where_nothing_trains_the_arms_run_on_the_base_that_learns(tmp_path: Path) -> None:
    arms = {"reverse": EQUAL, "cosine": EQUAL}
    planted = proposals(followed(tmp_path / "dead", arms, figures=AS_FOUND))["use_learning_base"]
    assert {each.id for each in planted.ground.base} >= {"wiring.cosine", "wiring.likelihood_teacher"}
    assert [arm.name for arm in planted.arms] == ["reverse"]
    assert any(each.startswith("cosine:") for each in planted.dropped)
    assert "use_learning_base" not in proposals(followed(tmp_path / "alive", arms, figures=HEALTHY))
    assert "use_learning_base" not in proposals(followed(tmp_path / "won", {"reverse": BETTER}, figures=AS_FOUND))


def test_rows_that_still_improve_are_trained_longer(tmp_path: Path) -> None:
    rising = {
        **NO_GAIN,
        "training.best_epoch_is_last": 1.0,
        "training.last_slope": 0.01,
        "training.last_slope_error": 0.001,
    }
    folder = followed(
        tmp_path / "short",
        {"js": EQUAL},
        content=HEAD + "budget: {epochs: 6}\n",
        figures=rising,
        diagnosed={"base": (0,)},
    )
    found = next_study(folder)
    assert (found.rule, read(found).budget.epochs, found.reused) == ("train_longer", 12, 0)
    assert "train_longer" not in proposals(followed(tmp_path / "long", {"js": EQUAL}, figures=NO_GAIN))


def test_without_a_rule_that_holds_there_is_nothing_to_run(tmp_path: Path) -> None:
    found = next_study(followed(tmp_path / "end", {"js": EQUAL}, figures=NO_GAIN))
    assert (found.rule, found.file, found.rules) == ("", "", ())
    assert found.sentence


def test_every_rule_has_a_name_of_its_own_a_condition_and_an_expectation() -> None:
    assert len({rule.name for rule in NEXT_RULES}) == len(NEXT_RULES)
    for rule in NEXT_RULES:
        assert rule.title
        assert rule.when.endswith(".")
        assert rule.expects.endswith(".")
