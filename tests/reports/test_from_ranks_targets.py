"""A table of ranks with several targets per user: the same figures as those of a study, users as clusters."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import reports
from harness.errors import InputError
from harness.results.frame import Frame
from harness.stats.effects import study_effects
from tests.reports.worlds import Arm, study

TWO = {"up": Arm(shift=0.5), "alike": Arm()}


@pytest.fixture(scope="module")
def frame(tmp_path_factory: pytest.TempPathFactory) -> Frame:
    return reports.read_frame(study(tmp_path_factory.mktemp("table") / "s", TWO, n_users=60, n_targets=3))


@pytest.fixture(scope="module")
def table(frame: Frame) -> pd.DataFrame:
    names = {"row": "arm", "replicate": "seed", "target_popularity": "popularity"}
    found: Any = reports.ranks_table(frame).rename(columns=names)
    return found.drop(columns=["rank_on", "rank_off"])


def test_a_table_of_a_studys_ranks_has_its_effects(frame: Frame, table: pd.DataFrame) -> None:
    made = reports.from_ranks(table.sample(frac=1.0, random_state=0), baseline="base")
    for name in ("base", "up", "alike"):
        assert np.array_equal(made.frame.ranks(name, "test", "served"), frame.ranks(name, "test", "served"))
    here, there = made.effects(), study_effects(frame.deltas("ndcg@10"))
    assert here["effect"].to_dict() == pytest.approx({name: each.mean for name, each in there.items()})
    assert here["low"].to_dict() == pytest.approx({name: each.interval()[0] for name, each in there.items()})
    assert made.frame.n_users == 60
    assert made.report.protocol == "Protocol: up to 3 targets per user."
    users, known = made.frame.users, frame.users
    assert users is not None
    assert known is not None
    assert np.array_equal(np.asarray(users.history_length), np.asarray(known.history_length))
    assert "Targets gained and lost" in made.html


def test_named_targets_are_in_the_order_of_the_table(frame: Frame, table: pd.DataFrame) -> None:
    named = table.drop(columns="target_index").assign(target=[f"item {index % 3}" for index in table["target_index"]])
    made = reports.from_ranks(named, baseline="base")
    assert np.array_equal(made.frame.ranks("up", "test", "served"), frame.ranks("up", "test", "served"))
    # Runs may list them in other orders: that of the first run holds.
    mixed: Any = pd.concat([part if arm == "base" else part[::-1] for arm, part in named.groupby("arm", sort=False)])
    again = reports.from_ranks(mixed, baseline="base")
    assert np.array_equal(again.frame.ranks("up", "test", "served"), frame.ranks("up", "test", "served"))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda t: t.drop(columns="target_index"), r"a second rank in row \d+ .*target or target_index"),
        (lambda t: pd.concat([t, t.tail(1)]), "a second rank of the same target in row"),
        (lambda t: t.drop(index=t.index[1]), "runs rank different targets of user 1"),
        (lambda t: t.drop(index=t.index[0]), "runs rank different users"),
        (lambda t: t.assign(history_length=range(len(t))), "history_length"),
    ],
)
def test_what_cannot_be_paired_is_refused(table: pd.DataFrame, change: Any, said: str) -> None:
    with pytest.raises(InputError, match=said):
        reports.from_ranks(change(table), baseline="base")


def test_common_users_keep_the_targets_that_every_run_ranks(frame: Frame, table: pd.DataFrame) -> None:
    made = reports.from_ranks(table.drop(index=table.index[1]), baseline="base", users="common")
    expected = frame.ranks("up", "test", "served").copy()
    assert expected[0, 1].tolist().count(0) == 0
    expected[:, 1, 0] = 0
    assert np.array_equal(made.frame.ranks("up", "test", "served"), expected)
    assert made.frame.manifest.data["left_out"] == 0


def test_an_arm_that_ranks_alike_is_said_to(table: pd.DataFrame, tmp_path: Path) -> None:
    base: Any = table[table["arm"] == "base"]
    made = reports.from_ranks(pd.concat([base, base.assign(arm="copy")]), baseline="base")
    assert {row.name: row.verdict for row in made.report.rows}["copy"] == "no_effect"
    assert made.save(tmp_path / "page").exists()
