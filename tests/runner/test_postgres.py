"""A study on a real PostgreSQL server that goes away, comes back, and belongs to one coordinator at a time."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing

import optuna
import pytest
from optuna.trial import FrozenTrial, TrialState

from harness.errors import EnvironmentProblem
from harness.modes.plan import Cell
from harness.results.record import RunRecord
from harness.runner.optuna import storage
from harness.runner.optuna.claim import StorageAwayError, claimed
from harness.runner.optuna.storage import Storage
from tests.runner.conftest import Bench, Counting
from tests.runner.postgres import PASSWORD, Server, binaries, served

NAME = "small (ndcg@10)"

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(binaries() is None, reason="needs PostgreSQL's initdb and pg_ctl: apt-get install postgresql"),
    pytest.mark.skipif(
        importlib.util.find_spec("psycopg") is None, reason="needs psycopg: pip install 'ftr-study[postgres]'"
    ),
]


@pytest.fixture
def server() -> Iterator[Server]:
    with served() as server:
        yield server


class Outage(Counting):
    """Stops the server after two cells, and starts it again some time after the run has noticed."""

    def __init__(self, server: Server, *, lasts_s: float | None) -> None:
        super().__init__()
        self._server, self._lasts_s = server, lasts_s
        self.ran_when_told: list[int] = []

    def finished(self, cell: Cell, record: RunRecord) -> None:
        super().finished(cell, record)
        if len(self.ran) == 2:
            self._server.stop()

    def message(self, text: str) -> None:
        super().message(text)
        if text.startswith("the storage"):
            self.ran_when_told.append(len(self.ran))
            if "does not respond" in text and self._lasts_s is not None:
                threading.Timer(self._lasts_s, self._server.start).start()


def complete(server: Server) -> list[str]:
    """Record keys of the complete trials."""
    trials = shown(server)
    assert {each.state for each in trials} == {TrialState.COMPLETE}
    return [str(each.user_attrs["key"]) for each in trials]


def shown(server: Server) -> list[FrozenTrial]:
    """What any Optuna tool sees."""
    with closing(Storage(server.url)) as opened:
        return optuna.load_study(study_name=NAME, storage=opened.database).get_trials()


def test_a_server_that_starts_again_costs_no_cell_and_no_trial(
    bench: Bench, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(storage, "PACE_S", 0.0)  # small cells would all be over before the next round
    alone, _ = bench.run(workers=1, out="alone", epochs=12)
    display = Outage(server, lasts_s=4.0)
    outcome, _ = bench.run(workers=2, out="shared", storage=server.url, display=display, epochs=12)
    assert (outcome.n_run, outcome.n_failed) == (8, 0)
    assert outcome.ranks == alone.ranks
    keys = complete(server)
    assert len(keys) == len(set(keys)) == 8
    assert set(keys) == {key for row in outcome.folder.manifest().rows for key in row.keys.values()}
    assert any(message.startswith("the storage does not respond (") for message in display.messages)
    assert "the storage responds again" in display.messages
    assert display.ran_when_told[-1] > display.ran_when_told[0] >= 2
    assert not any(PASSWORD in message for message in display.messages)
    again, _ = bench.run(workers=1, out="shared", storage=server.url, epochs=12)
    assert (again.n_run, again.n_reused, again.ranks) == (0, 8, alone.ranks)
    assert sorted(complete(server)) == sorted(keys)


def test_a_server_that_stays_away_ends_the_run_and_every_record_is_safe(
    bench: Bench, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(storage, "PATIENCE_S", 1.0)
    display = Outage(server, lasts_s=None)
    with pytest.raises(
        EnvironmentProblem, match=r"has not answered for \d+ s .* as records; run the study again"
    ) as told:
        bench.run(workers=1, out="shared", storage=server.url, display=display)
    assert PASSWORD not in str(told.value)
    assert f"me:***@127.0.0.1:{server.port}" in str(told.value)
    again, _ = bench.run(workers=1, out="shared")
    assert again.n_reused >= 2
    assert again.n_run + again.n_reused == 8
    server.start()
    last, _ = bench.run(workers=1, out="shared", storage=server.url)
    assert last.n_run == 0
    trials = shown(server)
    keys = [each.user_attrs["key"] for each in trials if each.state is TrialState.COMPLETE]
    assert len(keys) == len(set(keys)) == 8
    assert not [each for each in trials if each.state is TrialState.RUNNING]


def test_a_second_coordinator_from_another_folder_is_refused_by_the_first_ones_name(
    bench: Bench, server: Server
) -> None:
    with (
        claimed(server.url, NAME),
        pytest.raises(EnvironmentProblem, match=rf"is in use by process {os.getpid()} on .* since 20") as told,
    ):
        bench.run(out="other", storage=server.url)
    assert PASSWORD not in str(told.value)
    with claimed(server.url, NAME), claimed(server.url, "another study (ndcg@10)"):
        pass
    bench.run(out="other", storage=server.url, replicates=1)


def test_the_claim_of_a_killed_coordinator_is_free(server: Server) -> None:
    script = (
        "import os, sys; from harness.runner.optuna.claim import claimed\n"
        "with claimed(sys.argv[1], sys.argv[2]): os.kill(os.getpid(), 9)\n"
    )
    killed = subprocess.run([sys.executable, "-c", script, server.url, NAME], check=False)
    assert killed.returncode == -9
    time.sleep(1.0)
    with claimed(server.url, NAME):
        pass


def test_a_claim_outlives_a_server_that_starts_again_unless_another_took_it(server: Server) -> None:
    with claimed(server.url, NAME) as first:
        server.stop()
        with pytest.raises(StorageAwayError, match="refused"):
            first()
        server.start()
        first()
        with pytest.raises(EnvironmentProblem, match="is in use by"), claimed(server.url, NAME):
            pass
        server.stop()
        server.start()
        with (
            claimed(server.url, NAME),
            pytest.raises(EnvironmentProblem, match=rf"is in use by process {os.getpid()}"),
        ):
            first()


def test_what_cannot_be_opened_is_named_without_its_password(server: Server) -> None:
    wrong = server.url.replace(PASSWORD, "wr0ng-password")
    for attempt in (lambda: Storage(wrong), lambda: claimed(wrong, NAME).__enter__()):
        with pytest.raises(EnvironmentProblem, match="password authentication failed") as told:
            attempt()
        assert "wr0ng" not in str(told.value)
        assert "start the server or correct --storage" in str(told.value)
