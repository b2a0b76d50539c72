"""Users gained and lost by an arm, against plain loops."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import reports
from reports.stats.crossings import crossings, moves
from tests.reports.worlds import Arm, study

TWO = {"a": Arm(shift=0.5), "b": Arm(shift=-0.4), "still": Arm(touched=0.0)}


def test_gained_and_lost_equal_plain_loops(tmp_path: Path) -> None:
    frame = reports.read_frame(study(tmp_path / "s", TWO, n_users=200))
    found = crossings(frame)
    assert set(found) == {"a", "b", "a/a"}
    for name, crossing in found.items():
        base, arm = frame.records["base"], frame.records[name]
        gained = [
            {user for user in range(200) if base[number].test_on[user] > 10 >= arm[number].test_on[user]}
            for number in range(3)
        ]
        lost = [
            {user for user in range(200) if arm[number].test_on[user] > 10 >= base[number].test_on[user]}
            for number in range(3)
        ]
        assert crossing.gained == pytest.approx(sum(map(len, gained)) / 3)
        assert crossing.lost == pytest.approx(sum(map(len, lost)) / 3)
        assert crossing.gained_always == len(set.intersection(*gained))
        assert crossing.lost_always == len(set.intersection(*lost))
        assert crossing.net == pytest.approx(crossing.gained - crossing.lost)
        assert crossing.low < crossing.net < crossing.high
    assert found["a"].net > 0.0 > found["b"].net


def test_one_seed_knows_of_no_user_who_always_moves(tmp_path: Path) -> None:
    frame = reports.read_frame(study(tmp_path / "s", TWO, replicates=(0,), n_users=200))
    assert all(found.gained_always is None for found in crossings(frame).values())


def test_moved_users_are_those_of_the_largest_change(tmp_path: Path) -> None:
    frame = reports.read_frame(study(tmp_path / "s", TWO, n_users=200))
    found = moves(frame, "a", n_each=2)
    change = np.zeros(200)
    for number in range(3):
        before, after = frame.records["base"][number].test_on, frame.records["a"][number].test_on
        change += [1 / np.log2(x + 1) - 1 / np.log2(y + 1) for x, y in zip(after, before, strict=True)]
    order = sorted(range(200), key=lambda user: -change[user])
    assert [move.user for move in found] == [*order[:2], *order[-2:]]
    first = found[0]
    assert isinstance(first.user, int)
    assert first.before == tuple(int(frame.records["base"][n].test_on[first.user]) for n in range(3))
    assert first.after == tuple(int(frame.records["a"][n].test_on[first.user]) for n in range(3))
    assert (first.history, first.popularity) == (5 + first.user % 50, 1 + first.user % 90)
    assert moves(frame, "still") == ()
