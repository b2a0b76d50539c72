"""The runner on a small planted study: determinism, reuse, failures and ownership."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from optuna.trial import TrialState

from harness.errors import EnvironmentProblem
from harness.files import locked, refuse
from harness.interventions import CATALOGUE
from harness.results.folder import StudyFolder
from harness.results.metrics import metric_values
from harness.results.record import RunRecord
from harness.runner.optuna.mirror import OptunaMirror
from harness.runner.optuna.storage import Storage
from reports.output.files import write_report
from tests.runner.conftest import Bench
from tests.runner.made import cell_of

RANKS = ("valid_on", "valid_off", "test_on", "test_off")


def records(folder: StudyFolder) -> dict[tuple[str, int], RunRecord]:
    loaded = folder.load_records(folder.manifest())
    return {(row, replicate): record for row, runs in loaded.items() for replicate, record in runs.items()}


def mirrored(folder: Path, primary: str = "ndcg@10") -> OptunaMirror:
    return OptunaMirror(Storage(f"sqlite:///{folder / 'optuna.db'}"), name="small", primary=primary)


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
    assert manifest.provenance["ranks"] == more.ranks != one.ranks
    assert one.ranks == two.ranks == again.ranks
    alias = next(row for row in manifest.rows if row.name == "heavy[weight=0.03]")
    base = next(row for row in manifest.rows if row.name == "base")
    assert (alias.status, alias.alias_of, alias.keys) == ("alias", "base", base.keys)
    assert len(first.ran) == 8

    done = [each for each in mirrored(more.folder.path).study.trials() if each.state is TrialState.COMPLETE]
    assert len(done) == 10
    for each in done:
        record = more.folder.records.read(each.user_attrs["key"])
        assert record is not None
        chosen = next(point for point in record.curve if point.epoch == record.chosen_epoch)
        assert each.value == chosen.valid_on["ndcg@10"]
        assert set(each.intermediate_values) == {point.epoch for point in record.curve[1:]}


@pytest.mark.slow
def test_another_primary_metric_repeats_no_run_and_has_its_report(bench: Bench) -> None:
    first, _ = bench.run(replicates=1, end="diagnostics: off\nprimary: mrr@20\ncheckpoint: mrr@10\n")
    found = records(first.folder)
    for record in found.values():
        assert all("mrr@20" in point.valid_on for point in record.curve[1:])
        assert all("mrr" not in point.valid_on for point in record.curve)
    for primary in ("mrr", "ndcg@10"):
        again, display = bench.run(replicates=1, end=f"diagnostics: off\nprimary: {primary}\ncheckpoint: mrr@10\n")
        assert (again.n_run, again.n_reused, display.ran) == (0, first.n_run, [])
        assert again.ranks == first.ranks
        assert again.folder.manifest().primary == primary
        assert {cell: record.key for cell, record in records(again.folder).items()} == {
            cell: record.key for cell, record in found.items()
        }
        trials = mirrored(again.folder.path, primary).study.trials()
        values = {each.user_attrs["key"]: each.value for each in trials}
        assert values == {each.key: metric_values(each.valid_on, primary).mean() for each in found.values()}
        write_report(again.folder)
        report = json.loads((again.folder.path / "report.json").read_text(encoding="utf-8"))
        assert report["primary"] == primary
        assert report["figures"]["curves"]["rows"]


BROKEN = """\
import os
from dataclasses import dataclass, replace
from typing import ClassVar
from harness.interventions.base import Intervention
from harness.recipe.schedules import Constant

class Unpicklable(Exception):
    def __init__(self, first, second):
        super().__init__(f"{first} {second}")
        self.held = lambda: None

@dataclass(frozen=True, slots=True, kw_only=True)
class Failing:
    how: str

    def __call__(self, p_ret, p_rec):
        if self.how == "raise":
            raise RuntimeError("the divergence is broken")
        if self.how == "unpicklable":
            raise Unpicklable("no", "pickle")
        os.kill(os.getpid(), 9)

@dataclass(frozen=True, slots=True, kw_only=True)
class Raising(Intervention):
    id: ClassVar[str] = "test.raising"
    title: ClassVar[str] = "Raising"
    def apply(self, recipe):
        return replace(recipe, divergence=Failing(how="raise"))

@dataclass(frozen=True, slots=True, kw_only=True)
class Dying(Intervention):
    id: ClassVar[str] = "test.dying"
    title: ClassVar[str] = "Dying"
    def apply(self, recipe):
        return replace(recipe, divergence=Failing(how="kill"))

@dataclass(frozen=True, slots=True, kw_only=True)
class Unsendable(Intervention):
    id: ClassVar[str] = "test.unsendable"
    title: ClassVar[str] = "Unsendable"
    def apply(self, recipe):
        return replace(recipe, divergence=Failing(how="unpicklable"))

@dataclass(frozen=True, slots=True, kw_only=True)
class Overflowing(Intervention):
    id: ClassVar[str] = "test.overflowing"
    title: ClassVar[str] = "Overflowing"
    def apply(self, recipe):
        return replace(recipe, alignment_weight=Constant(float("inf")))
"""


def test_failing_cells_fail_alone_are_reported_and_tried_again(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    (bench.folder / "broken_plugin.py").write_text(BROKEN, encoding="utf-8")
    monkeypatch.syspath_prepend(bench.folder)
    import broken_plugin  # pyright: ignore[reportMissingImports]

    plugins = [broken_plugin.Raising, broken_plugin.Dying, broken_plugin.Unsendable, broken_plugin.Overflowing]
    more = "raising: test.raising\ndying: test.dying\nunsendable: test.unsendable\noverflow: test.overflowing"
    outcome, display = bench.run(workers=2, more=more, replicates=1, catalogue=[*CATALOGUE, *plugins])
    assert sorted(row for row, _ in display.ran) == ["a/a", "attention", "base", "reverse"]
    assert (outcome.n_run, outcome.n_failed) == (4, 4)
    failures = {row.name: row.failures.get(0, "") for row in outcome.folder.manifest().rows}
    assert failures["raising"].startswith("RuntimeError: the divergence is broken\n")
    assert "broken_plugin.py" in failures["raising"]
    assert "was ended by SIGKILL" in failures["dying"]
    assert failures["unsendable"].startswith("Unpicklable: no pickle\n")
    assert "a gradient of group retriever is not finite at epoch 1, step 1; last finite values" in failures["overflow"]
    assert failures["base"] == ""
    failed = [each for each in mirrored(outcome.folder.path).study.trials() if each.state is TrialState.FAIL]
    assert {each.user_attrs["arm"] for each in failed} == {"raising", "dying", "unsendable", "overflow"}
    assert (outcome.folder.path / "manifest.json").exists()

    again, display = bench.run(workers=1, more=more, replicates=1, catalogue=[*CATALOGUE, *plugins])
    assert (again.n_run, again.n_reused, again.n_failed) == (0, 4, 4)


@pytest.mark.slow
def test_a_damaged_record_is_named_set_aside_and_run_again(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    outcome, _ = bench.run(workers=2, more="none: {kl.weight: {weight: 0}}", replicates=1)
    before = records(outcome.folder)
    victim = before["reverse", 0].key
    path = outcome.folder.records.path(victim)
    content = bytearray(path.read_bytes())
    content[-40] ^= 1
    path.write_bytes(bytes(content))
    again, display = bench.run(workers=1, more="none: {kl.weight: {weight: 0}}", replicates=1)
    assert display.ran == [("reverse", 0)]
    assert (again.n_run, again.n_reused) == (1, 4)
    assert [path.name for path in again.folder.records.folder.glob("*.damaged")] == [f"{victim}.record.damaged"]
    assert f"{victim}.record is damaged (its checksum does not match its content)" in caplog.text
    after = records(again.folder)
    np.testing.assert_array_equal(after["reverse", 0].test_on, before["reverse", 0].test_on)
    assert list(after["none", 0].checks) == ["nothing_trains"]
    assert after["base", 0].checks == {}


def test_a_second_coordinator_is_refused_by_the_first_ones_name(tmp_path: Path) -> None:
    folder = tmp_path / "runs" / "small"
    with (
        locked(folder, refuse),
        pytest.raises(EnvironmentProblem, match=r"small is in use by process \d+ on .* since 20"),
        locked(folder, refuse),
    ):
        pass
    with locked(folder, refuse):
        pass


def test_the_lock_of_a_killed_coordinator_is_free(tmp_path: Path) -> None:
    script = (
        "import os, sys; from pathlib import Path; from harness.files import locked, refuse\n"
        "with locked(Path(sys.argv[1]), refuse): os.kill(os.getpid(), 9)\n"
    )
    killed = subprocess.run([sys.executable, "-c", script, str(tmp_path / "small")], check=False)
    assert killed.returncode == -9
    assert (tmp_path / ".small.owner").exists()
    with locked(tmp_path / "small", refuse):
        assert f"process {os.getpid()} " in (tmp_path / ".small.owner").read_text(encoding="utf-8")


def test_trials_of_a_killed_coordinator_are_closed(tmp_path: Path) -> None:
    mirrored(tmp_path).started("abc", cell_of("base"))
    assert [each.state for each in mirrored(tmp_path).study.trials()] == [TrialState.FAIL]
    assert mirrored(tmp_path, "recall@10").study.trials() == []


def test_an_unusable_storage_is_refused_without_its_password(tmp_path: Path) -> None:
    with pytest.raises(EnvironmentProblem, match=r"nowhere://me:\*\*\*@host/db"):
        Storage("nowhere://me:secret@host/db")
