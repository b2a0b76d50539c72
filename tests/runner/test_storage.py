"""A storage that fails at any write, before or after it was carried out, holds the same in the end."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import optuna
import pytest
from optuna.exceptions import StorageInternalError
from optuna.trial import TrialState
from sqlalchemy import text

from harness.errors import EnvironmentProblem, InputError
from harness.results.record import EpochPoint, RunRecord
from harness.runner.optuna import storage
from harness.runner.optuna.claim import claimed
from harness.runner.optuna.mirror import OptunaMirror, SearchMirror
from harness.runner.optuna.storage import Storage
from harness.runner.optuna.url import scrubbed, without_password
from tests.modes.searched import Drive, planned, scheduled
from tests.runner.conftest import Bench
from tests.runner.made import cell_of

WRITES = ("_create_new_trial", "set_trial_intermediate_value", "set_trial_user_attr", "set_trial_state_values")


def failing_once(opened: Storage, *, carried_out: bool) -> list[str]:
    """Every write fails once, with or without effect; the names of those that failed."""
    failed: list[str] = []

    def wrapped(name: str, write: Callable[..., Any]) -> Callable[..., Any]:
        fails = iter([True, False] * 1000)

        def tried(*arguments: Any, **named: Any) -> Any:
            if next(fails):
                failed.append(name)
                if carried_out:
                    write(*arguments, **named)
                raise StorageInternalError("the connection broke")
            return write(*arguments, **named)

        return tried

    for name in WRITES:
        setattr(opened.database, name, wrapped(name, getattr(opened.database, name)))
    opened.database.create_new_trial = lambda study, trial: opened.database._create_new_trial(study, trial)._trial_id
    return failed


def record(key: str) -> RunRecord:
    ranks = np.ones(2, dtype=np.int32)
    curve = tuple(EpochPoint(epoch=epoch, valid_on={"ndcg@10": epoch / 10}, valid_off={}) for epoch in (1, 2))
    return RunRecord(
        key=key, valid_on=ranks, valid_off=ranks, test_on=ranks, test_off=ranks, chosen_epoch=2, curve=curve, seconds={}
    )


def shown(url: str) -> dict[str, list[Any]]:
    """Study -> its trials, without what no two runs share."""
    with closing(Storage(url)) as opened:
        found = {}
        for name in optuna.get_all_study_names(opened.database):
            trials = optuna.load_study(study_name=name, storage=opened.database).get_trials()
            found[name] = [
                (
                    each.number,
                    each.state,
                    each.values,
                    each.params,
                    each.intermediate_values,
                    each.user_attrs,
                )
                for each in trials
            ]
    return found


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(storage, "LONGEST_PAUSE_S", 0.0)
    monkeypatch.setattr(storage, "PACE_S", 0.0)


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("carried_out", [True, False])
def test_the_cells_of_a_grid_are_there_once_whatever_fails(tmp_path: Path, carried_out: bool) -> None:
    url, told = f"sqlite:///{tmp_path}/optuna.db", list[str]()
    with closing(Storage(url, tell=told.append)) as opened:
        mirror = OptunaMirror(opened, name="small", primary="ndcg@10")
        failed = failing_once(opened, carried_out=carried_out)
        for key in ("a", "b"):
            mirror.started(key, cell_of(key))
        for key in ("a", "b"):
            for point in record(key).curve:
                mirror.epoch(key, point)
        mirror.finished(record("a"))
        mirror.failed("b", "broken")
        mirror.reused(cell_of("c"), record("c"))
        mirror.settle()
    assert set(failed) == set(WRITES)
    steps = {1: 0.1, 2: 0.2}
    assert shown(url)["small (ndcg@10)"] == [
        (0, TrialState.COMPLETE, [0.2], {}, steps, {"key": "a", "arm": "a", "replicate": 0}),
        (1, TrialState.FAIL, None, {}, steps, {"key": "b", "arm": "b", "replicate": 0, "failure": "broken"}),
        (2, TrialState.COMPLETE, [0.2], {}, steps, {"key": "c", "reused": True, "arm": "c", "replicate": 0}),
    ]
    assert told[0].startswith("the storage does not respond (the connection broke); cells continue")
    assert told[1] == "the storage responds again"


def dumped(path: Path) -> list[str]:
    """Every row of the file."""
    with closing(sqlite3.connect(path)) as database:
        return list(database.iterdump())


def test_what_is_told_again_changes_no_row(tmp_path: Path) -> None:
    url, seen = f"sqlite:///{tmp_path}/optuna.db", []
    for _ in range(3):
        with closing(Storage(url)) as opened:
            mirror = OptunaMirror(opened, name="small", primary="ndcg@10")
            for key in ("a", "b"):
                mirror.started(key, cell_of(key))
                for point in record(key).curve:
                    mirror.epoch(key, point)
                mirror.finished(record(key))
            for key in ("a", "c"):
                mirror.reused(cell_of(f"another name of {key}"), record(key))
            mirror.settle()
        seen.append(dumped(tmp_path / "optuna.db"))
    assert seen[0] == seen[1] == seen[2]
    assert [row[5]["arm"] for row in shown(url)["small (ndcg@10)"]] == ["a", "b", "another name of c"]


@pytest.mark.usefixtures("impatient")
def test_a_failure_stays_and_each_next_try_has_a_trial_of_its_own(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/optuna.db"
    for why in ("lost; tried again", "broken", ""):
        with closing(Storage(url)) as opened:
            mirror = OptunaMirror(opened, name="small", primary="ndcg@10")
            mirror.started("a", cell_of("a"))
            running = [each.state for each in mirror.study.trials()][-1]
            mirror.failed("a", why) if why else mirror.finished(record("a"))
            mirror.settle()
        assert running is TrialState.RUNNING, "the live view shows a cell while it runs"
    states = [(row[1], row[5].get("failure")) for row in shown(url)["small (ndcg@10)"]]
    failed = [(TrialState.FAIL, why) for why in ("lost; tried again", "broken")]
    assert states == [*failed, (TrialState.COMPLETE, None)]


@pytest.mark.slow
@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("carried_out", [True, False])
def test_the_trials_of_a_search_are_there_once_whatever_fails(tmp_path: Path, carried_out: bool) -> None:
    found = []
    for name in ("calm", "stormy"):
        (tmp_path / name).mkdir()
        plan = planned(tmp_path / name, search="trials: 6, width: 3, startup: 3, confirm: 1", arms="  peak: fake.peak")
        url = f"sqlite:///{tmp_path}/{name}/optuna.db"
        with closing(Storage(url, tell=lambda _: None)) as opened:
            mirror = SearchMirror(plan, opened)
            failed = failing_once(opened, carried_out=carried_out) if name == "stormy" else []
            Drive().run(scheduled(plan, mirror))
            opened.settle()
        found.append(shown(url))
    assert failed
    assert found[0] == found[1]


def test_a_trial_that_another_program_closed_ends_the_run(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/optuna.db"
    with closing(Storage(url)) as one, closing(Storage(url)) as two:
        mirror = OptunaMirror(one, name="small", primary="ndcg@10")
        mirror.started("a", cell_of("a"))
        OptunaMirror(two, name="small", primary="ndcg@10")  # closes what seems to be left over
        mirror.finished(record("a"))
        with pytest.raises(EnvironmentProblem, match="another program closed or removed a trial of this run"):
            mirror.settle()


@pytest.mark.parametrize(("rebuilt", "waits"), [(True, 0), (False, 2)])
def test_only_a_file_that_is_rebuilt_from_records_does_not_wait_for_the_disk(
    tmp_path: Path, rebuilt: bool, waits: int
) -> None:
    with closing(Storage(f"sqlite:///{tmp_path}/optuna.db", rebuilt=rebuilt)) as opened:
        opened.study("small")
        with opened.database.engine.connect() as connection:
            assert connection.execute(text("PRAGMA synchronous")).scalar() == waits


def lost() -> None:
    """A claim after another coordinator has taken the study."""
    raise EnvironmentProblem("the study is in use by another")


def test_nothing_is_written_once_another_coordinator_has_taken_the_study(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/optuna.db"
    with closing(Storage(url, claim=lost)) as opened:
        mirror = OptunaMirror(opened, name="small", primary="ndcg@10")
        with pytest.raises(EnvironmentProblem, match="in use by another"):
            mirror.started("a", cell_of("a"))
        assert mirror.study.trials() == []


def test_two_folders_may_not_run_one_study_in_one_sqlite_file(bench: Bench) -> None:
    shared = f"sqlite:///{bench.folder}/shared.db"
    with (
        claimed(shared, "small (ndcg@10)"),
        pytest.raises(EnvironmentProblem, match=r"the study 'small \(ndcg@10\)' in .*shared.db is in use by process"),
    ):
        bench.run(out="other", storage=shared)
    with claimed(shared, "small (ndcg@10)"), claimed(shared, "small (recall@10)"):
        pass


def test_a_storage_that_is_no_url_is_bad_input(bench: Bench) -> None:
    with pytest.raises(InputError, match=r"--storage 'studies\.db' is not a database URL"):
        bench.run(storage="studies.db")


@pytest.mark.parametrize(
    "word",
    [
        "postgresql+psycopg://me:secret@host/db",
        "--storage=postgresql+psycopg://me:secret@host/db",
        "postgresql+psycopg://me:se/c@secret@host:5432/db?sslmode=require",
        "postgresql+psycopg://host/db?user=me&password=secret&sslmode=require",
        "postgresql+psycopg://me:secret@[::1]/db",
        "postgresql+psycopg//me:secret@host/db",
    ],
)
def test_no_password_is_shown_however_a_url_is_written(word: str) -> None:
    assert "secret" not in without_password(word)
    assert "secret" not in scrubbed(f"could not parse {word}", word)
    for plain in ("runs/a:b@c", "sqlite:////tmp/a.db", "a@b", "--out=x", "postgresql+psycopg://me@host:5432/db"):
        assert without_password(plain) == plain
