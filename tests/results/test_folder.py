"""The files of a study that are missing or damaged are named, with what to do."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from harness.errors import InputError
from harness.results.folder import StudyFolder, study_named
from harness.results.manifest import StudyUsers
from tests.reports import worlds


@pytest.mark.parametrize("content", [None, b"", b"PK", b"\x93NUMPY", b"words"])
def test_a_damaged_users_file_is_an_input_error(tmp_path: Path, content: bytes | None) -> None:
    folder = StudyFolder(tmp_path)
    folder.write_users(
        StudyUsers(history_length=np.ones(3, dtype=np.int64), target_popularity=np.ones(3, dtype=np.int64))
    )
    assert folder.users().known["history_length"].tolist() == [1, 1, 1]
    whole = (tmp_path / "users.npz").read_bytes()
    if content is None:
        (tmp_path / "users.npz").unlink()
    else:
        (tmp_path / "users.npz").write_bytes(content)
    with pytest.raises(InputError, match="run the study again"):
        folder.users()
    for at in range(0, len(whole), 7):
        for damaged in (whole[:at], whole[:at] + bytes([whole[at] ^ 16]) + whole[at + 1 :]):
            (tmp_path / "users.npz").write_bytes(damaged)
            try:
                assert folder.users().known["history_length"].tolist() == [1, 1, 1], "a byte that says nothing"
            except InputError as problem:
                assert "run the study again" in str(problem)


@pytest.mark.parametrize("content", [None, b"{", b"\xff\xfe", b'{"schema_version": 2}'])
def test_a_manifest_that_is_missing_or_damaged_is_an_input_error(tmp_path: Path, content: bytes | None) -> None:
    if content is not None:
        (tmp_path / "manifest.json").write_bytes(content)
    with pytest.raises(InputError, match=r"manifest\.json .*run the study"):
        StudyFolder(tmp_path).manifest()


def test_a_record_that_two_rows_share_is_read_once_and_one_that_is_gone_is_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = worlds.study(tmp_path / "s", {"a": worlds.Arm(), "b": worlds.Arm()}, replicates=(0, 1), n_users=20)
    manifest = folder.manifest()
    rows = {row.name: row for row in manifest.rows}
    folder.records.path(rows["b"].keys[1]).unlink()
    read: list[str] = []
    plain = type(folder.records).read
    monkeypatch.setattr(type(folder.records), "read", lambda self, key: (read.append(key), plain(self, key))[1])
    twice = replace(manifest, rows=(*manifest.rows, replace(rows["a"], name="again")))
    loaded = folder.load_records(twice)
    assert {name: sorted(cells) for name, cells in loaded.items()} == {
        "base": [0, 1],
        "a/a": [0, 1],
        "a": [0, 1],
        "b": [0],
        "again": [0, 1],
    }
    assert loaded["again"][0] is loaded["a"][0]
    assert len(read) == len(set(read)) == 8


def test_a_study_is_found_by_its_name_whatever_its_folder_is_called(tmp_path: Path) -> None:
    for place, (folder, said) in enumerate(
        (
            ("a_b-1f.epochs-2", '{"name": "a/b"}'),
            ("a_b-1f", '{"name": "a/b"}'),
            ("other", '{"name": "b"}'),
            ("cut", "{"),
        )
    ):
        (tmp_path / folder).mkdir()
        path = tmp_path / folder / "manifest.json"
        path.write_text(said, encoding="utf-8")
        os.utime(path, (1000.0 - place, 1000.0 - place))
    found = study_named(tmp_path, "a/b")
    assert found is not None
    assert found.path.name == "a_b-1f.epochs-2"
    assert study_named(tmp_path, "gone") is None
