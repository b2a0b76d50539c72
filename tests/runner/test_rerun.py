"""``ftr-study rerun KEY``: the cell of a record is found again, run, and its ranks compared."""

from __future__ import annotations

from dataclasses import replace

import pytest

from harness.errors import InputError
from harness.results.folder import StudyFolder
from harness.results.record import RunRecord
from harness.runner import keys
from harness.runner.rerun import Rerun, rerun
from tests.runner.conftest import SMALL, Bench

GREEDY = "diagnostics: off\nmode: greedy\ngreedy: {most: 2, confirm: 1}\n"
SEARCH = "diagnostics: off\nmode: search\nsearch: {trials: 2, width: 1, startup: 1, confirm: 1}\n"


def again(bench: Bench, key: str) -> Rerun:
    return rerun(key, bench.folder / "runs", lambda text: None, data_dir=bench.folder / "data", spec=SMALL)


def record_of(folder: StudyFolder, row: str, replicate: int = 0) -> RunRecord:
    (found,) = (each for each in folder.manifest().rows if each.name == row)
    record = folder.records.read(found.keys[replicate])
    assert record is not None
    return record


def test_a_cell_gives_its_ranks_again_and_its_record_is_left_alone(bench: Bench) -> None:
    outcome, _ = bench.run(epochs=1)
    (bench.folder / "small.yaml").unlink()  # the folder of the study keeps its text
    for row, replicate in (("base", 1), ("a/a", 0), ("attention", 1)):
        record = record_of(outcome.folder, row, replicate)
        path = outcome.folder.records.path(record.key)
        kept = path.read_bytes()
        found = again(bench, record.key[:12])
        assert (found.study, found.row, found.replicate) == ("small", row, replicate)
        assert found.same
        assert "same ranks for 120 users: valid_on, valid_off, test_on, test_off" in list(found.lines())
        assert path.read_bytes() == kept


@pytest.mark.slow
def test_other_ranks_are_told_by_array_and_by_number_of_users(bench: Bench) -> None:
    outcome, _ = bench.run(replicates=1, epochs=1)
    record = record_of(outcome.folder, "reverse")
    ranks = record.test_on.copy()
    ranks[[3, 5]] += 1
    outcome.folder.records.write(replace(record, test_on=ranks))
    found = again(bench, record.key)
    assert not found.same
    assert "different ranks: test_on differs for 2 of 120 users" in list(found.lines())
    assert not any("same ranks" in line for line in found.lines())
    outcome.folder.records.write(replace(record, also={"more": record.test_on}))
    assert "different ranks: more differs for 120 of 120 users" in list(again(bench, record.key).lines())


@pytest.mark.slow
@pytest.mark.parametrize("end", [SEARCH, GREEDY], ids=["search", "greedy"])
def test_cells_that_no_file_names_are_found_by_replaying_the_study(bench: Bench, end: str) -> None:
    outcome, display = bench.run(replicates=1, epochs=1, end=end)
    reruns = [again(bench, key) for key in outcome.folder.records.matching("")]
    assert len(reruns) == outcome.n_run
    assert all(each.same for each in reruns)
    assert {(each.row, each.replicate) for each in reruns} == set(display.ran)


def test_a_key_that_no_record_has_or_no_study_names_is_refused(bench: Bench) -> None:
    outcome, _ = bench.run(replicates=1, epochs=1)
    with pytest.raises(InputError, match=r"0 records in .* start with 'nothing'"):
        again(bench, "nothing")
    with pytest.raises(InputError, match=r"records in .* start with ''; give more of the key"):
        again(bench, "")
    record = record_of(outcome.folder, "base")
    outcome.folder.write_manifest(replace(outcome.folder.manifest(), file={}))  # as older versions wrote it
    with pytest.raises(InputError, match=f"no study in .* has both the data and the study file of record {record.key}"):
        again(bench, record.key)


@pytest.mark.slow
def test_another_version_is_named_instead_of_running_something_else(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    outcome, _ = bench.run(replicates=1, epochs=1)
    key = record_of(outcome.folder, "base").key
    monkeypatch.setattr(keys, "key_versions", lambda: {"torch": "1.0", "faiss-cpu": "1.0"})
    with pytest.raises(InputError, match=f"no cell of small has the key {key} here: code, packages.*torch 2"):
        again(bench, key)


def test_a_study_folder_that_cannot_be_read_is_named_and_passed_over(bench: Bench) -> None:
    outcome, _ = bench.run(replicates=1, epochs=1)
    broken = bench.folder / "runs" / "another" / "manifest.json"
    broken.parent.mkdir()
    broken.write_text("{", encoding="utf-8")
    told: list[str] = []
    key = record_of(outcome.folder, "base").key
    found = rerun(key, bench.folder / "runs", told.append, data_dir=bench.folder / "data", spec=SMALL)
    assert found.same
    assert any("another is skipped" in line and "damaged" in line for line in told)
