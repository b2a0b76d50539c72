"""The runner on a small planted study: determinism, reuse, failures and ownership."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from filelock import FileLock
from optuna.trial import TrialState

from harness.errors import EnvironmentProblem
from harness.manifest import StudyFolder
from harness.records import RunRecord
from harness.runner.ownership import owned
from harness.runner.trials import TrialBook
from tests.runner.conftest import Bench

RANKS = ("valid_on", "valid_off", "test_on", "test_off")


def records(folder: StudyFolder) -> dict[tuple[str, int], RunRecord]:
    loaded = folder.load_records(folder.manifest())
    return {(row, replicate): record for row, runs in loaded.items() for replicate, record in runs.items()}


def trials(folder: StudyFolder) -> TrialBook:
    return TrialBook(name="small", storage=f"sqlite:///{folder.path / 'optuna.db'}", primary="ndcg@10")


def test_ranks_do_not_depend_on_workers_and_finished_cells_are_reused(bench: Bench) -> None:
    one, first = bench.run(workers=1, out="one")
    two, _ = bench.run(workers=2, out="two")
    assert (one.n_run, one.n_reused, one.n_failed, two.n_run) == (8, 0, 0, 8)
    alone, together = records(one.folder), records(two.folder)
    assert (
        alone.keys() == together.keys() == {(row, r) for row in ("base", "a/a", "reverse", "attention") for r in (0, 1)}
    )
    for cell, record in alone.items():
        assert record.key == together[cell].key
        for name in RANKS:
            np.testing.assert_array_equal(getattr(record, name), getattr(together[cell], name))
    assert not np.array_equal(alone["base", 0].test_on, alone["base", 1].test_on)
    assert alone["base", 0].provenance["backbone"] == alone["a/a", 0].provenance["backbone"]
    assert alone["base", 0].curve[1].losses != alone["a/a", 0].curve[1].losses

    again, display = bench.run(workers=2, out="one")
    assert (again.n_run, again.n_reused, display.ran) == (0, 8, [])

    more, display = bench.run(workers=2, out="one", more="heavy: {kl.weight: {weight: [0.03, 3]}}")
    assert sorted(display.ran) == [("heavy[weight=3]", 0), ("heavy[weight=3]", 1)]
    manifest = more.folder.manifest()
    alias = next(row for row in manifest.rows if row.name == "heavy[weight=0.03]")
    base = next(row for row in manifest.rows if row.name == "base")
    assert (alias.status, alias.alias_of, alias.keys) == ("alias", "base", base.keys)
    assert len(first.ran) == 8

    book = trials(more.folder)
    done = [each for each in book.trials() if each.state is TrialState.COMPLETE]
    assert len(done) == 10
    for each in done:
        record = more.folder.records.read(each.user_attrs["key"])
        assert record is not None
        chosen = next(point for point in record.curve if point.epoch == record.chosen_epoch)
        assert each.value == chosen.valid_on["ndcg@10"]
        assert set(each.intermediate_values) == {point.epoch for point in record.curve[1:]}


def test_a_failing_cell_fails_alone_and_is_tried_again(bench: Bench) -> None:
    wrong = "overflow: {kl.weight: {weight: 100}}\nfine: {kl.weight: {weight: 0}}"
    (bench.folder / "broken").mkdir()
    outcome, display = bench.run(workers=2, more=wrong, replicates=1)
    assert (outcome.n_run, outcome.n_failed) == (6, 0)
    victim = outcome.folder.manifest().rows[2].keys[0]
    damaged = outcome.folder.records.path(victim)
    content = bytearray(damaged.read_bytes())
    content[-40] ^= 1
    damaged.write_bytes(bytes(content))
    again, display = bench.run(workers=1, more=wrong, replicates=1)
    assert display.ran == [("reverse", 0)]
    assert (again.n_run, again.n_reused) == (1, 5)
    assert [path.name for path in again.folder.records.damaged()] == [f"{victim}.damaged"]
    checks = {row: record.checks for (row, _), record in records(again.folder).items()}
    assert list(checks["fine"]) == ["nothing_trains"]
    assert checks["base"] == {}


def test_a_second_coordinator_is_refused_by_the_first_ones_name(tmp_path: Path) -> None:
    folder = StudyFolder(tmp_path / "runs" / "small")
    with (
        owned(folder),
        pytest.raises(EnvironmentProblem, match=r"is being run by process \d+ on .* since 20"),
        owned(folder),
    ):
        pass
    with owned(folder):
        pass


def test_the_lock_of_a_killed_coordinator_is_free(tmp_path: Path) -> None:
    folder = StudyFolder(tmp_path / "small")
    script = (
        "import os, sys; from pathlib import Path\n"
        "from harness.manifest import StudyFolder; from harness.runner.ownership import owned\n"
        "with owned(StudyFolder(Path(sys.argv[1]))): os.kill(os.getpid(), 9)\n"
    )
    killed = subprocess.run([sys.executable, "-c", script, str(folder.path)], check=False)
    assert killed.returncode == -9
    with owned(folder):
        assert not FileLock(folder.path / ".lock").is_locked
