"""Unknown splits, modes, rows, metrics and replicates are errors that name what exists."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import pytest

import reports
from harness.errors import InputError
from harness.results.frame import Frame
from tests.reports.worlds import Arm, study


@pytest.fixture(scope="module")
def frame(tmp_path_factory: pytest.TempPathFactory) -> Frame:
    path: Path = tmp_path_factory.mktemp("runs") / "views"
    study(path, {"helps": Arm(), "late": Arm()}, n_users=40, missing=[("late", each) for each in range(3)])
    return reports.read_frame(path)


@pytest.mark.parametrize(
    ("ask", "message"),
    [
        (lambda frame: reports.ranks_table(frame, cast("Any", "train")), "no split 'train'; there are valid, test"),
        (lambda frame: frame.values("base", "ndcg@10", "tset"), r"no split 'tset'; did you mean test\?"),
        (
            lambda frame: frame.values("base", "ndcg@10", mode="onn"),
            r"no mode 'onn'; did you mean on\?",
        ),
        (lambda frame: frame.deltas("ndcg@10", mode="both"), "no mode 'both'; there are on, off, served"),
        (lambda frame: frame.deltas("ndgc@10"), r"unknown metric 'ndgc@10'; did you mean ndcg@10"),
        (lambda frame: frame.deltas("ndcg@10", rows=["helsp"]), r"no row 'helsp'; did you mean helps\?"),
        (
            lambda frame: frame.deltas("ndcg@10", rows=["late"]),
            r"'late' shares no finished replicate with base.*helps",
        ),
        (
            lambda frame: frame.ranks("base", "test", "on", [7]),
            "no finished run of replicate 7; it has 0, 1, 2",
        ),
        (lambda frame: reports.crossings(frame, ["helsp"]), r"did you mean helps\?"),
        (lambda frame: reports.subgroups(frame, "ndgc@10"), "unknown metric 'ndgc@10'"),
        (lambda frame: reports.without_valid_targets(frame, "ndgc@10"), "unknown metric 'ndgc@10'"),
        (lambda frame: reports.priority_agreement(frame, "ndgc@10"), "unknown metric 'ndgc@10'"),
        (lambda frame: frame.overall("base", "coverage@10", "onn"), r"no mode 'onn'; did you mean on\?"),
        (lambda frame: frame.overall("base", "coverge@10"), "unknown metric 'coverge@10'"),
    ],
)
def test_ranks_table_of_train_and_its_siblings_name_what_exists(frame: Frame, ask: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        ask(frame)
