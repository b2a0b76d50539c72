"""Files that are kept: whole or absent, set aside once where they are damaged, and no rest of a killed writer stays."""

from __future__ import annotations

import os
import sqlite3
import threading
import time
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from optuna.trial import TrialState

from harness.errors import EnvironmentProblem
from harness.files import Sealed, locked, refuse, set_aside, sweep, write_atomically
from harness.results.record import EpochPoint, RunRecord
from harness.runner.optuna.damage import set_aside_if_damaged
from harness.runner.optuna.mirror import OptunaMirror
from harness.runner.optuna.storage import Storage
from tests.runner.made import cell_of


def test_a_write_that_is_broken_off_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(_: int) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", interrupted)
    with pytest.raises(KeyboardInterrupt):
        write_atomically(tmp_path / "file", b"content")
    assert list(tmp_path.iterdir()) == []


def test_what_a_killed_writer_left_goes_after_an_hour(tmp_path: Path) -> None:
    old, fresh, other = (tmp_path / name for name in (".writing-old", ".writing-fresh", "record"))
    for path in (old, fresh, other):
        path.write_bytes(b"half")
        hours_ago = time.time() - 4000
        os.utime(path, (hours_ago, hours_ago))
    os.utime(fresh)
    sweep(tmp_path)
    sweep(tmp_path / "not there yet")
    assert sorted(path.name for path in tmp_path.iterdir()) == [".writing-fresh", "record"]


def test_two_who_find_the_same_damage_set_it_aside_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"damaged")
    for _ in range(2):
        set_aside(path, "for a test", then="made again")
    assert [each.name for each in tmp_path.iterdir()] == ["file.damaged"]
    assert caplog.text.count("is damaged (for a test); set aside as file.damaged and made again") == 1


def test_a_damaged_file_that_cannot_be_moved_is_named_with_the_way_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr(Path, "replace", refuse)
    with pytest.raises(EnvironmentProblem, match=r"file is damaged \(why\).*Read-only.*with --data-dir"):
        set_aside(tmp_path / "file", "why", then="made again", option="--data-dir")


WORDS = Sealed(title="words 2", encode=str.encode, decode=bytes.decode, then="written again")


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "does not start as such a file does"),
        (Sealed(title="words 1", encode=str.encode, decode=bytes.decode).pack("text"), "does not start as such a file"),
        (WORDS.pack("text")[:-1], "checksum does not match"),
        (WORDS.pack("text") + b"more", "checksum does not match"),
        (Sealed(title="words 2", encode=bytes, decode=bytes).pack(b"\xff"), "layout is not the one of this version"),
    ],
)
def test_a_sealed_file_that_is_damaged_is_set_aside_and_can_be_written_again(
    tmp_path: Path, content: bytes, why: str, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "words"
    assert WORDS.read(path) is None
    path.write_bytes(content)
    assert WORDS.read(path) is None
    assert why in caplog.text
    assert path.with_name("words.damaged").read_bytes() == content
    WORDS.write(path, "text")
    assert WORDS.read(path) == "text"


def test_one_waits_for_a_lock_and_is_told_who_holds_it(tmp_path: Path) -> None:
    held, told = threading.Event(), list[str]()

    def hold() -> None:
        with locked(tmp_path / "thing", refuse):
            held.set()
            time.sleep(0.5)

    holder = threading.Thread(target=hold)
    holder.start()
    held.wait()
    with locked(tmp_path / "thing", told.append):
        pass
    holder.join()
    assert len(told) == 1
    assert told[0].startswith(f"thing is in use by process {os.getpid()} on ")


@pytest.fixture
def mirror(tmp_path: Path) -> Path:
    path = tmp_path / "optuna.db"
    shown = OptunaMirror(Storage(f"sqlite:///{path}"), name="small", primary="ndcg@10")
    shown.started("abc", cell_of("base"))
    shown.settle()
    return path


def test_a_whole_mirror_and_none_at_all_are_left_as_they_are(mirror: Path) -> None:
    content = mirror.read_bytes()
    set_aside_if_damaged(mirror)
    assert mirror.read_bytes() == content
    mirror.unlink()
    set_aside_if_damaged(mirror)
    assert not mirror.exists()


@pytest.mark.parametrize("how", ["cut", "words", "a page", "no table", "another's", "no JSON"])
def test_a_damaged_mirror_is_set_aside_with_its_journal(
    mirror: Path, how: str, caplog: pytest.LogCaptureFixture
) -> None:
    content = mirror.read_bytes()
    match how:
        case "cut":
            mirror.write_bytes(content[: len(content) // 2])
        case "words":
            mirror.write_text("no database\n" * 99)
        case "a page":
            mirror.write_bytes(content[:4096] + bytes(4096) + content[8192:])
        case "another's":
            mirror.unlink()
            with closing(sqlite3.connect(mirror)) as database:
                database.execute("create table studies (unrelated text)")
        case _:
            change = (
                "drop table trial_values" if how == "no table" else "update trial_user_attributes set value_json = 'x'"
            )
            with closing(sqlite3.connect(mirror)) as database:
                database.execute(change)
                database.commit()
    set_aside_if_damaged(mirror)
    assert not mirror.exists()
    assert mirror.with_name("optuna.db.damaged").exists()
    assert "rebuilt from the records" in caplog.text


@pytest.mark.parametrize("n_statements", [1, 3, 7, 15, 30])
def test_a_mirror_that_was_half_made_is_no_trap(tmp_path: Path, mirror: Path, n_statements: int) -> None:
    """Every statement that makes Optuna's tables is committed alone, so that a process can end between any two."""
    with closing(sqlite3.connect(mirror)) as whole:
        made = [text for (text,) in whole.execute("SELECT sql FROM sqlite_master WHERE sql IS NOT NULL")]
    half = tmp_path / "half.db"
    with closing(sqlite3.connect(half)) as database:
        for statement in made[:n_statements]:
            database.execute(statement)
    for _ in range(3):
        set_aside_if_damaged(half)
        OptunaMirror(Storage(f"sqlite:///{half}"), name="small", primary="ndcg@10")
    assert not half.with_name("half.db.damaged").exists()


def test_a_mirror_that_has_its_study_twice_is_rebuilt(mirror: Path, caplog: pytest.LogCaptureFixture) -> None:
    with closing(sqlite3.connect(mirror)) as database:
        database.execute("drop index ix_studies_study_name")
        database.execute("insert into studies (study_name) select study_name from studies")
        database.commit()
    set_aside_if_damaged(mirror)
    assert not mirror.exists()
    assert "it has the study small (ndcg@10) twice" in caplog.text


def test_a_cell_that_is_run_again_because_its_record_was_lost_keeps_its_one_trial(mirror: Path) -> None:
    ranks = np.ones(2, dtype=np.int32)
    point = EpochPoint(epoch=1, valid_on={"ndcg@10": 0.5}, valid_off={})
    record = RunRecord(
        key="abc",
        valid_on=ranks,
        valid_off=ranks,
        test_on=ranks,
        test_off=ranks,
        chosen_epoch=1,
        curve=(point,),
        seconds={},
    )
    states = []
    for _ in range(2):
        shown = OptunaMirror(Storage(f"sqlite:///{mirror}"), name="small", primary="ndcg@10")
        shown.started("abc", cell_of("base"))
        shown.epoch("abc", point)
        shown.finished(record)
        shown.settle()
        states.append([each.state for each in shown.study.trials()])
    assert states == [[TrialState.FAIL, TrialState.COMPLETE]] * 2


def test_a_mirror_in_use_is_not_taken_for_damaged(mirror: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    connect = sqlite3.connect
    monkeypatch.setattr(sqlite3, "connect", lambda path: connect(path, timeout=0.05))
    with closing(connect(mirror, isolation_level=None)) as other:
        other.execute("begin exclusive")
        set_aside_if_damaged(mirror)
        other.execute("rollback")
    assert mirror.exists()
