"""What the Python door refuses, reads and checks, without running a study."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import pandas as pd
import pytest

import harness.contracts.of_study
from harness import Study, StudyResult, load_study
from harness.api.frames import write_frame
from harness.errors import InputError
from harness.results.folder import StudyFolder
from harness.study.mistakes import Problem, StudyFileError
from tests.api.conftest import ARMS

LOG = "user_id,item_id,timestamp\nu,i,1\nu,j,2\n"
ARM = {"reverse": "kl.reverse"}


@pytest.mark.parametrize(
    ("columns", "kept"),
    [
        ({"user": "who", "item": "what"}, ["who", "what", "timestamp", "price"]),
        ({"time": "timestamp"}, ["who", "what", "timestamp", "price"]),
        ({}, ["who", "what", "timestamp", "price"]),
        ({"user": "who", "item": "what", "time": "timestamp"}, ["who", "what", "timestamp"]),
        ({"user": "who", "item": "what", "time": None}, ["who", "what"]),
    ],
)
def test_columns_of_a_frame_are_left_out_only_where_all_three_are_named(
    columns: Mapping[str, object], kept: list[str], tmp_path: Path
) -> None:
    frame = pd.DataFrame({"who": ["a"], "what": ["b"], "timestamp": [1], "price": [2.0]})
    assert list(pd.read_parquet(write_frame(frame, columns, tmp_path, source="x")).columns) == kept


@pytest.mark.parametrize("written", ["log.csv", "./log.csv", "events"])
def test_data_may_be_a_word_that_names_a_file(written: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In Python from the working folder, in a study file from the file's."""
    monkeypatch.chdir(tmp_path)
    Path(written).write_text(LOG, encoding="utf-8")
    if written == "events":
        with pytest.raises(StudyFileError, match="no format has the suffix"):
            Study(data=written, arms=ARM)
        return
    study = Study(data=written, arms=ARM)
    assert study.checked.data.path == tmp_path / "log.csv"
    assert study.name.startswith("log-")
    file = study.save_file(tmp_path / "deep" / "study.yaml")
    (tmp_path / "own.yaml").write_text(f"name: own\ndata: {written}\narms: {{reverse: kl.reverse}}\n", encoding="utf-8")
    monkeypatch.chdir(tmp_path / "deep")
    assert load_study(file).checked.data.path == tmp_path / "log.csv"
    own = load_study(tmp_path / "own.yaml")
    assert own.checked.data.path is not None
    assert own.checked.data.path.samefile(tmp_path / "log.csv")
    assert str(tmp_path / "log.csv") in own.to_yaml()


def test_a_named_set_keeps_its_name_where_a_file_has_it_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("ml-100k").write_text(LOG, encoding="utf-8")
    assert Study(data="ml-100k", arms=ARM).checked.data.name == "ml-100k"


def test_a_change_of_the_working_folder_moves_no_study(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    study = Study(data="ml-100k", arms=ARM, name="mine")
    again = load_study(study.save_file("study.yaml"))
    (tmp_path / "other").mkdir()
    monkeypatch.chdir(tmp_path / "other")
    assert study.folder == again.folder == tmp_path / "runs" / "mine"


def changed(study: Study, **keys: object) -> Study:
    given: dict[str, object] = {
        "data": {"path": study.checked.data.path, "min_interactions": 1},
        "arms": ARMS,
        "replicates": 2,
        "budget": {"epochs": 2},
        "diagnostics": "off",
        "out": study.folder.parent,
        "name": study.name,
    }
    return Study(**{**given, **keys})  # pyright: ignore[reportArgumentType]


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("arms", {"other": "kl.symmetric"}),
        ("replicates", 1),
        ("budget", {"epochs": 3}),
        ("seed", 7),
        ("primary", "recall@20"),
        ("base", ["wiring.scale"]),
        ("data", "ml-100k"),
    ],
)
def test_the_results_of_other_keys_under_the_same_name_are_refused(
    study: Study, result: StudyResult, key: str, value: object
) -> None:
    other = changed(study, **{key: value})
    with pytest.raises(InputError, match="with other keys") as told:
        other.result()
    assert key in str(told.value)
    assert str(study.folder) in str(told.value)
    assert StudyResult(other.folder).answer == result.answer


def test_other_words_for_the_same_keys_read_the_same_results(study: Study, result: StudyResult) -> None:
    same = changed(study, question="Another?", sesoi=0.02, arms={**ARMS, "reverse": {"kl.reverse": {}}})
    assert same.result().answer == result.answer


@pytest.mark.parametrize("call", ["plan", "run"])
def test_plug_ins_are_held_to_their_contract_unless_that_is_not_asked(
    call: str, study: Study, result: StudyResult, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise StudyFileError([Problem(source="x", code="contract", path=("arms",), message="broken")])

    monkeypatch.setattr(harness.contracts.of_study, "check_plugins", broken)
    data_dir = study.folder.parents[1] / "data"
    with pytest.raises(StudyFileError, match="broken"):
        getattr(study, call)(data_dir=data_dir)
    if call == "plan":
        assert study.plan(data_dir=data_dir, contract=False).n_reused == 10


def test_a_saved_report_has_the_files_of_its_language_alone(study: Study, result: StudyResult, tmp_path: Path) -> None:
    result.save(tmp_path / "zh", lang="zh")
    names = {each.name for each in (tmp_path / "zh").iterdir()}
    assert "report.html" not in names
    assert {"report.zh.html", "report.zh.json", "ranking.zh.csv", "effects.parquet"} <= names
    assert result.save(tmp_path / "zh", lang="zh").name == "report.zh.html"
    assert json.loads((tmp_path / "zh" / "report.zh.json").read_text(encoding="utf-8"))["study"] == study.name
    assert StudyFolder(study.folder).has_manifest()
