"""The example of a question of one's own runs as its text says, and its figures are those of the records."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from harness.errors import InputError
from harness.results.folder import StudyFolder
from harness.results.frame import Mode
from harness.results.manifest import ArmRow
from reports import ranks_table, read_frame, study_effects
from tests.reports.worlds import Arm, study

ROOT = Path(__file__).parents[1]
EXAMPLE = ROOT / "examples" / "per_user_ranks.py"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> StudyFolder:
    alias = ArmRow(name="the same", arm="the same", family="kl", status="alias", alias_of="good")
    arms = {"good": Arm(shift=0.3), "idle": Arm()}
    return study(tmp_path_factory.mktemp("runs") / "small", arms, n_users=400, extra_rows=[alias])


def printed(folder: StudyFolder, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(EXAMPLE), str(folder.path), *arguments]
    return subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False)


def test_the_table_has_every_rank_once(folder: StudyFolder) -> None:
    frame = read_frame(folder)
    table = ranks_table(frame)
    assert len(table) == 4 * 3 * 400
    assert not table.duplicated(["row", "replicate", "user"]).any()
    modes: dict[str, Mode] = {"rank": "served", "rank_on": "on", "rank_off": "off"}
    for row in ("base", "a/a", "good", "idle"):
        for replicate in (0, 1, 2):
            ranks = table[(table["row"] == row) & (table["replicate"] == replicate)]
            for column, mode in modes.items():
                np.testing.assert_array_equal(ranks[column], frame.ranks(row, "test", mode, [replicate])[0])
    assert frame.users is not None
    one = table[(table["row"] == "good") & (table["replicate"] == 2)]
    np.testing.assert_array_equal(one["target_popularity"], frame.users.target_popularity)
    np.testing.assert_array_equal(one["history_length"], frame.users.history_length)


def test_valid_ranks_are_to_be_had_too(folder: StudyFolder) -> None:
    frame = read_frame(folder)
    table = ranks_table(frame, split="valid")
    of_base = table[(table["row"] == "base") & (table["replicate"] == 0)]
    np.testing.assert_array_equal(of_base["rank"], frame.ranks("base", "valid", "served", [0])[0])


def test_the_example_answers_for_the_best_row(folder: StudyFolder) -> None:
    run = printed(folder)
    assert run.returncode == 0, run.stderr
    assert run.stdout.startswith("good against base, 3 seeds")
    frame = read_frame(folder)
    hits = {name: frame.ranks(name, "test", "served") <= 10 for name in ("base", "good")}
    rows = [line.split() for line in run.stdout.splitlines() if re.match("up to|6 to|more than", line)]
    totals = np.sum([[float(cell) for cell in row[-4:-1]] for row in rows], axis=0)
    expected = [400, (hits["good"] & ~hits["base"]).sum() / 3, (hits["base"] & ~hits["good"]).sum() / 3]
    np.testing.assert_allclose(totals, expected, atol=1e-3)
    gained = sum(float(row[-4]) * float(row[-1]) for row in rows) / 400
    assert gained == pytest.approx(study_effects(frame.deltas("ndcg@10"))["good"].mean, abs=1e-4)
    own = study_effects({"good": frame.gains("ndcg@10")["good"]})["good"]
    assert f"against its own backbone, ndcg@10: {own.mean:+.4f}" in run.stdout


def test_the_example_takes_a_row_and_names_the_nearest(folder: StudyFolder) -> None:
    assert printed(folder, "idle").stdout.startswith("idle against base")
    wrong = printed(folder, "idel")
    assert wrong.returncode == 1
    assert f"{InputError.__name__}: the study has no row 'idel'" in wrong.stderr
    assert "idle" in wrong.stderr
