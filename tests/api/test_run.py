"""What a run from Python does with an interrupt, with a script, with a frame, and beside the command line."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import harness.api.notebook
from harness import Study, StudyFileError, StudyResult, load_study
from harness.errors import InputError
from harness.modes.plan import Cell
from harness.results.record import RunRecord
from harness.runner.progress import Display, PlainDisplay
from tests.api.conftest import ARMS, small_study

SCRIPT = """\
from harness import Study
study = Study(
    data={"path": "world.txt", "min_interactions": 1}, arms={"reverse": "kl.reverse"}, replicates=1,
    budget={"epochs": 1}, diagnostics="off", backbone={"checkpoint": "backbone.safetensors"},
)
print(study.plan())
result = study.run(workers=2, data_dir="data")
print(result)
print(result.ranking[["arm", "effect"]])
print(result.effects("recall@20"))
print(result.ranks.head(3))
result.forest().savefig("forest.png")
print(result.save("mine"))
"""


def home(study: Study) -> Path:
    return study.folder.parents[1]


def test_the_same_keys_in_a_file_give_the_same_records_and_ranks(study: Study, result: StudyResult) -> None:
    file = study.save_file(home(study) / "written" / "study.yaml")
    again = load_study(file, out=study.folder.parent).run(workers=1, data_dir=home(study) / "data", verbose=False)
    assert again._outcome is not None
    assert (again._outcome.n_run, again._outcome.n_reused) == (0, 10)
    assert again.digest == result.digest
    keys = [{row.name: row.keys for row in each.frame.manifest.rows} for each in (again, result)]
    assert keys[0] == keys[1]


class Interrupting(Display):
    def finished(self, cell: Cell, record: RunRecord) -> None:
        raise KeyboardInterrupt


def test_an_interrupt_is_raised_and_what_is_finished_is_kept(
    study: Study, result: StudyResult, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(study.folder.parent / ".cache", tmp_path / "runs" / ".cache")
    again = Study(
        data={"path": home(study) / "world.txt", "min_interactions": 1},
        arms=ARMS,
        replicates=1,
        budget={"epochs": 1},
        diagnostics="off",
        out=tmp_path / "runs",
    )
    monkeypatch.setattr(harness.api.notebook, "display_of", lambda *_, **__: Interrupting())
    with pytest.raises(KeyboardInterrupt, match=r"1 runs are finished and kept: run\(\) continues"):
        again.run(workers=1, data_dir=home(study) / "data")
    assert again.plan(data_dir=home(study) / "data").n_reused == 1
    there = again.result()
    assert len(there.ranks) == there.frame.n_users
    assert there.page.exists()


@pytest.mark.slow
def test_a_script_of_ten_lines_needs_no_main_guard(study: Study, result: StudyResult, tmp_path: Path) -> None:
    shutil.copy(home(study) / "world.txt", tmp_path)
    shutil.copytree(home(study) / "data", tmp_path / "data")
    backbone = next((study.folder.parent / ".cache" / "backbones").glob("*.safetensors"))
    shutil.copy(backbone, tmp_path / "backbone.safetensors")
    (tmp_path / "script.py").write_text(SCRIPT, encoding="utf-8")
    root = str(Path(__file__).parents[2])
    ended = subprocess.run(
        [sys.executable, "script.py"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        env={"PATH": "/usr/bin:/bin", "PYTHONPATH": root, "OMP_NUM_THREADS": "1", "MPLBACKEND": "agg"},
    )
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.count("3 rows, 3 cells; 0 reused, 3 to run") == 1
    assert "[3/3]" in ended.stderr
    assert "FAILED" not in ended.stderr
    assert (tmp_path / "mine" / "report.html").exists()
    assert (tmp_path / "forest.png").exists()


def test_progress_is_lines_where_there_is_no_terminal_and_nothing_if_told_so() -> None:
    assert isinstance(harness.api.notebook.display_of("ndcg@10", verbose=True), PlainDisplay)
    assert type(harness.api.notebook.display_of("ndcg@10", verbose=False)) is Display


@pytest.mark.parametrize("workers", [0, -1, 1.5, True])
def test_a_number_of_workers_that_cannot_be_is_refused(study: Study, workers: Any) -> None:
    with pytest.raises(InputError, match="give a whole number from 1"):
        study.run(workers=workers)


@pytest.fixture
def log() -> pd.DataFrame:
    events = [(f"u{user}", f"i{(user * 3 + step * 2) % 11}", step) for user in range(6) for step in range(7)]
    return pd.DataFrame(events, columns=["user_id", "item_id", "timestamp"])


def test_a_frame_is_read_as_any_file(log: pd.DataFrame, tmp_path: Path) -> None:
    from harness.data.sources import load

    study = Study(data={"frame": log, "min_interactions": 1}, arms=ARMS, out=tmp_path / "runs")
    data = load(study.checked.data, tmp_path / "data")
    assert (data.n_users, data.n_items, len(data.items)) == (6, 11, 42)
    assert Study(data={"frame": log.copy(), "min_interactions": 1}, arms=ARMS, out=tmp_path / "runs").name == study.name
    kept = list((tmp_path / "runs" / ".cache" / "frames").iterdir())
    assert [study.checked.data.path] == [each.absolute() for each in kept]
    assert load_study(study.save_file(tmp_path / "study.yaml")).checked.data == study.checked.data


def test_a_frame_with_other_columns_or_an_index_is_read_by_the_names_given(log: pd.DataFrame, tmp_path: Path) -> None:
    from harness.data.sources import load

    other = log.rename(columns={"user_id": "who", "item_id": "what", "timestamp": "when"}).set_index("who")
    other["extra"] = [object()] * len(other)
    columns = {"user": "who", "item": "what", "time": "when"}
    given = {"frame": other, "columns": columns, "min_interactions": 1}
    study = Study(data=given, arms=ARMS, out=tmp_path / "runs")
    plain = Study(data={"frame": log, "min_interactions": 1}, arms=ARMS, out=tmp_path / "runs")
    prints = [load(each.checked.data, tmp_path / "data").fingerprint() for each in (study, plain)]
    assert prints[0] == prints[1]


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ({"frame": [1, 2]}, "is not a pandas frame"),
        ({"frame": pd.DataFrame({"user_id": [1]}), "path": "x.csv"}, "frame and path are both given"),
        ({"frame": pd.DataFrame({"user_id": [object()]})}, "cannot be written as Parquet"),
    ],
)
def test_a_frame_that_cannot_be_used_is_a_mistake_of_its_key(
    data: dict[str, object], said: str, tmp_path: Path
) -> None:
    with pytest.raises(StudyFileError, match=said) as raised:
        Study(data=data, arms=ARMS, out=tmp_path)
    assert raised.value.problems[0].path == ("data", "frame")


def test_a_missing_file_is_a_mistake_of_its_key(tmp_path: Path) -> None:
    with pytest.raises(StudyFileError, match="does not exist") as raised:
        small_study(tmp_path)
    assert raised.value.problems[0].path == ("data", "path")
