"""More seeds where they decide: who goes on, who stops, and that neither order nor interruption changes it."""

from __future__ import annotations

import random
from collections.abc import Callable

import numpy as np
import pytest

from harness.contracts.modes import Played
from harness.modes.plan import Cell, Plan
from harness.modes.planning import make_plan
from harness.modes.schedule import GridSchedule
from harness.modes.sequential import SequentialSchedule
from harness.results.record import Ranks, RunRecord
from harness.results.seeds import Seeds

TEXT = """\
name: looks
data: ml-100k
arms: {good: kl.reverse, idle: wiring.cosine, dead: wiring.retriever_attention}
replicates: {start: 3, most: 6}
"""
N_USERS = 300
STOPPED = Seeds(start=3, most=6, set_aside={"idle": 3, "dead": 3}, why={"idle": "futile", "dead": "no_effect"})


def record_of(cell: Cell, good: str = "good") -> RunRecord:
    """``dead`` ranks as base does, the others give users each other's ranks: the mean stays, but for the good one's."""
    shared = np.random.default_rng([1, cell.replicate])
    score = np.random.default_rng(0).standard_normal(N_USERS) + 0.3 * shared.standard_normal(N_USERS)
    if cell.row not in ("base", "dead"):
        score = np.random.default_rng([cell.replicate, *cell.row.encode()]).permutation(score)
    ranks: Ranks = np.maximum(np.exp(3.0 - 1.5 * (score + (cell.row == good))), 1.0).astype(np.int32)
    return RunRecord(
        key=f"{cell.row}{cell.replicate}",
        valid_on=ranks,
        valid_off=ranks,
        test_on=ranks,
        test_off=ranks,
        chosen_epoch=1,
        curve=(),
        seconds={"total": 1.0},
    )


@pytest.fixture
def plan(study_from: Callable[..., object]) -> Plan:
    return make_plan(study_from(TEXT))  # type: ignore[arg-type]


def seeds_of(played: Played) -> Seeds:
    assert isinstance(played.schedule, SequentialSchedule)
    return played.schedule.seeds()


def told(played: Played) -> str:
    assert isinstance(played.schedule, SequentialSchedule)
    return "\n".join(played.schedule.told())


def counted(played: Played) -> dict[str, int]:
    found: dict[str, int] = {}
    for row, _ in played.named:
        found[row] = found.get(row, 0) + 1
    return found


def test_the_arm_that_may_win_goes_on_and_base_with_it(plan: Plan) -> None:
    played = Played(plan, make=record_of)
    played.play()
    assert counted(played) == {"base": 6, "a/a": 6, "good": 6, "idle": 3, "dead": 3}
    assert seeds_of(played) == STOPPED
    assert list(played.schedule.replicates()) == [0, 1, 2, 3, 4, 5]
    assert plan.n_cells == 30
    assert plan.at_most


def test_without_an_arm_that_goes_on_the_study_ends(plan: Plan) -> None:
    played = Played(plan, make=lambda cell: record_of(cell, good=""))
    played.play()
    assert counted(played) == dict.fromkeys(("base", "a/a", "good", "idle", "dead"), 3)
    assert list(played.schedule.replicates()) == [0, 1, 2]
    assert seeds_of(played).ended
    assert played.schedule.named_all


def test_no_look_before_all_cells_of_the_seed_have_ended(plan: Plan) -> None:
    schedule = SequentialSchedule(plan, 3)
    first = list(schedule.ready())
    assert {cell.replicate for cell in first} == {0, 1, 2}
    for cell in first[:-1]:
        schedule.finished(cell, record_of(cell))
        assert schedule.ready() == ()
        assert not schedule.seeds().ended
    schedule.finished(first[-1], record_of(first[-1]))
    assert {(cell.row, cell.replicate) for cell in schedule.ready()} == {("base", 3), ("a/a", 3), ("good", 3)}
    assert schedule.n_left == 6
    assert schedule.told() == ["after 3 seeds: idle set aside; dead stopped, no effect on ranks; 1 left"]
    assert schedule.told() == []


@pytest.mark.parametrize("seed", range(4))
def test_neither_order_nor_interruption_changes_what_is_decided(plan: Plan, seed: int) -> None:
    alone = Played(plan, make=record_of)
    alone.play()
    shuffled = Played(plan, make=record_of, rng=random.Random(seed))
    shuffled.play()
    assert shuffled.end() == alone.end()
    stopped = Played(plan, make=record_of, rng=random.Random(seed))
    stopped.play(until=5 * seed + 3)
    resumed = Played(plan, make=record_of, records=stopped.records, rng=random.Random(seed + 1))
    resumed.play()
    assert resumed.end() == alone.end()
    assert seeds_of(resumed) == seeds_of(shuffled) == seeds_of(alone)


def test_failed_cells_are_left_out_of_the_look(plan: Plan) -> None:
    """Base fails on seed 1, so arms have two pairs, too few to be judged: they go on, and stop a seed later."""
    played = Played(plan, make=record_of, broken=lambda cell: (cell.row, cell.replicate) == ("base", 1))
    played.play()
    assert counted(played) == {"base": 6, "a/a": 6, "good": 6, "idle": 4, "dead": 3}


def test_an_arm_that_always_fails_gets_no_more_seeds(plan: Plan) -> None:
    played = Played(plan, make=record_of, broken=lambda cell: cell.row == "idle")
    played.play()
    assert counted(played)["idle"] == 3
    assert seeds_of(played).why == {"idle": "failed", "dead": "no_effect"}
    assert "idle stopped, no finished run to compare with base" in told(played)


def test_where_base_always_fails_the_study_ends_and_no_arm_is_set_aside(plan: Plan) -> None:
    for broken in (lambda cell: cell.row == "base", lambda cell: True):
        played = Played(plan, make=record_of, broken=broken)
        played.play()
        assert set(counted(played).values()) == {3}
        assert seeds_of(played).ended
        assert set(seeds_of(played).why.values()) == {"failed"}
        assert told(played).startswith("after 3 seeds: base has no finished run")


def test_an_arm_that_is_equivalent_stops_for_that(study_from: Callable[..., object]) -> None:
    plan = make_plan(study_from(TEXT + "sesoi: 0.9\n"))  # type: ignore[arg-type]
    played = Played(plan, make=record_of)
    played.play()
    assert seeds_of(played).why["idle"] == "equivalent"
    assert "idle stopped as equivalent" in told(played)


def test_a_fixed_number_of_seeds_is_as_before(study_from: Callable[..., object]) -> None:
    from harness.modes.base import mode_of
    from harness.study.types import Overrides

    fixed = make_plan(study_from(TEXT, Overrides(replicates=4)))  # type: ignore[arg-type]
    assert isinstance(mode_of(fixed.study).schedule(fixed), GridSchedule)
    assert not fixed.at_most
    assert len(fixed.cells()) == 20
    assert fixed.study.slug == "looks.replicates-4"
