"""Evidence is a record of its own beside the run's, measured where the study asks, and never moves a rank."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from harness.checks.seeds import latest
from harness.probes.catalogue import PROBES, Probe
from harness.probes.observer import Observer
from harness.probes.sample import ProbeSample
from harness.results.evidence import (
    DIAGNOSIS,
    Diagnosis,
    DiagnosisTask,
    Diagnostics,
    Entry,
    Level,
)
from harness.results.record import RunRecord
from tests.runner.conftest import Bench

OFF, LIGHT, FULL = (f"diagnostics: {level}\n" for level in ("off", "light", "full"))


def test_ranks_are_the_same_with_evidence_off_light_and_full(bench: Bench) -> None:
    ranks = {}
    for level in Level:
        outcome, _ = bench.run(out=level.value, end=f"diagnostics: {level.value}\n")
        manifest = outcome.folder.manifest()
        ranks[level] = outcome.folder.load_records(manifest)
        diagnosed = {(row.name, replicate) for row in manifest.rows for replicate in row.diagnoses}
        wanted = {("base", 0), ("base", 1), ("reverse", 0), ("attention", 0)}
        assert diagnosed == (set() if level is Level.OFF else wanted)
    for level in (Level.LIGHT, Level.FULL):
        assert ranks[level].keys() == ranks[Level.OFF].keys()
        for row, cells in ranks[level].items():
            for replicate, record in cells.items():
                plain = ranks[Level.OFF][row][replicate]
                assert record.key == plain.key
                for name in ("valid_on", "valid_off", "test_on", "test_off"):
                    np.testing.assert_array_equal(getattr(record, name), getattr(plain, name))


@pytest.mark.slow
def test_only_the_evidence_that_is_missing_is_measured_and_no_record_is_written_again(bench: Bench) -> None:
    first, _ = bench.run(end=OFF)
    written = {path: path.stat().st_mtime_ns for path in first.folder.records.folder.glob("*.record")}
    again, display = bench.run(end="diagnostics: {arms: [reverse]}\n")
    assert sorted(display.ran) == [("base", 0), ("base", 1), ("reverse", 0)]
    assert (again.n_run, again.n_reused, again.n_again) == (0, 8, 3)
    assert {path: path.stat().st_mtime_ns for path in first.folder.records.folder.glob("*.record")} == written
    third, display = bench.run(end="diagnostics: {arms: [reverse]}\n")
    assert display.ran == []
    loaded = third.folder.load_diagnoses(third.folder.manifest())
    assert {name: sorted(cells) for name, cells in loaded.items()} == {"base": [0, 1], "reverse": [0]}
    found = loaded["base"][0]
    assert found.run == third.folder.manifest().rows[0].keys[0]
    assert [entry.epoch for entry in found.entries] == [0, 1, 2]
    assert found.seconds > 0.0
    assert found.problem == ""


@pytest.mark.slow
def test_a_damaged_diagnosis_is_set_aside_and_measured_again(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    first, _ = bench.run(end=LIGHT)
    victim = next(first.folder.records.folder.glob("*.diagnosis"))
    content = bytearray(victim.read_bytes())
    content[-5] ^= 1
    victim.write_bytes(content)
    again, display = bench.run(end=LIGHT)
    assert len(display.ran) == again.n_again == 1
    assert f"{victim} is damaged (its checksum does not match its content)" in caplog.text
    assert victim.exists()


@pytest.mark.slow
def test_a_cell_that_gives_other_ranks_when_it_is_diagnosed_says_so(bench: Bench) -> None:
    first, _ = bench.run(end=OFF)
    key = first.folder.manifest().rows[0].keys[0]
    record = first.folder.records.read(key)
    assert record is not None
    first.folder.records.write(replace(record, test_on=record.test_on + 1))
    again, display = bench.run(end=LIGHT)
    assert again.n_failed == 1
    assert "gave different ranks than the record holds" in display.failures[0]
    assert f"delete it to run the cell again (record {key})" in display.failures[0]
    kept = again.folder.records.read(key)
    assert kept is not None
    np.testing.assert_array_equal(kept.test_on, record.test_on + 1)


def test_a_probe_that_fails_is_told_and_the_run_and_other_probes_go_on(monkeypatch: pytest.MonkeyPatch) -> None:
    from harness.contracts.intervention import PROBE_BUDGET, PROBE_STREAMS, probe_inputs
    from harness.engine.loop import fine_tune
    from harness.recipe.recipe import BASE

    def fails(sample: ProbeSample) -> dict[str, float]:
        if sample.epoch == 1:
            raise KeyError("a figure")
        return {"acme.figure": 1.0}

    monkeypatch.setattr(PROBES, "_all", {**PROBES, "acme": Probe(name="acme", measure=fails)})
    observer = Observer(Level.LIGHT)
    result = fine_tune(BASE, probe_inputs(), budget=PROBE_BUDGET, streams=PROBE_STREAMS, observe=observer)
    assert len(result.curve) == 3
    ranks = {name: getattr(result, name) for name in ("valid_on", "valid_off", "test_on", "test_off")}
    record = RunRecord(key="r", chosen_epoch=result.chosen_epoch, curve=result.curve, seconds={}, **ranks)
    found = observer.diagnosis(DiagnosisTask(key="k", level=Level.LIGHT), record)
    assert "KeyError: 'a figure'" in found.problem
    assert ["acme.figure" in entry.figures for entry in found.entries] == [True, False, False]
    assert all("kl.imitation" in entry.figures for entry in found.entries)


def test_evidence_is_asked_at_the_chosen_epoch_and_the_course_of_training_at_its_end() -> None:
    entries = tuple(
        Entry(epoch=epoch, figures={"kl.p_rec_entropy": epoch / 10, "training.valid": epoch / 100})
        for epoch in range(4)
    )
    found = Diagnosis(key="d", run="r", chosen_epoch=1, level=Level.LIGHT, entries=entries, seconds=1.0)
    assert latest([found.told]) == {"kl.p_rec_entropy": 0.1, "training.valid": 0.03}
    assert [entry.epoch for entry in found.told] == [0, 1, 3]
    assert DIAGNOSIS.unpack(DIAGNOSIS.pack(found)) == found
    assert Diagnosis(key="d", run="r", chosen_epoch=1, level=Level.LIGHT, entries=(), seconds=0.0).told == ()


@pytest.mark.slow
def test_measuring_takes_no_time_of_the_run(bench: Bench) -> None:
    outcome, _ = bench.run(end=FULL)
    manifest = outcome.folder.manifest()
    record = outcome.folder.load_records(manifest)["base"][0]
    assert sum(record.seconds[name] for name in record.seconds if name not in ("total", "load")) == pytest.approx(
        record.seconds["total"]
    )
    assert Diagnostics().level is Level.LIGHT
