"""Each rule of the next study, planted and absent, and the order in which they are asked."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from reports.next.catalogue import NEXT_RULES
from reports.next.rules.winners import ConfirmWinner
from reports.sections.cells import GuardCell
from tests.reports.diagnosed import AS_FOUND, HEALTHY
from tests.reports.following import (
    BETTER,
    CONFIRMS,
    EQUAL,
    HEAD,
    NO_GAIN,
    followed,
    given,
    next_study,
    proposals,
    read,
    stacks,
)
from tests.reports.worlds import Arm


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
