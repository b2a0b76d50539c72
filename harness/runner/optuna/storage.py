"""The database behind ``--storage``: trials are written in rounds, and wait while it does not respond."""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import optuna
from optuna.exceptions import OptunaError, StorageInternalError, UpdateFinishedTrialError
from optuna.storages import RDBStorage
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial
from sqlalchemy import URL, event
from sqlalchemy.exc import SQLAlchemyError

from harness.errors import EnvironmentProblem
from harness.modes.search.sampling import quiet
from harness.runner.optuna.cells import KEY
from harness.runner.optuna.claim import Claim, StorageAwayError
from harness.runner.optuna.mirrored import MirroredStudy
from harness.runner.optuna.notes import Notes
from harness.runner.optuna.url import CONNECT_S, cannot_open, in_short, parsed, scrubbed, without_password
from harness.stopping import nothing

log = logging.getLogger(__name__)

PATIENCE_S = 120.0
"""How long a storage may fail to respond before the run ends, in seconds."""

LONGEST_PAUSE_S = 5.0
"""Longest pause between two attempts to reach it, in seconds; the first pauses are shorter."""

PACE_S = 1.0
"""Pause between two rounds of writing, in seconds: a commit to a file may take 50 ms, and rounds merge changes."""


class Storage:
    """An Optuna storage of which the coordinator is the only writer.

    It only mirrors the records. While it does not respond, trials wait in order and cells continue; after
    :data:`PATIENCE_S` the run ends.

    Args:
        url: URL of the database.
        claim: checks this coordinator's hold on its study there.
        tell: called with a message when the storage stops responding and when it responds again.
        rebuilt: whether it is an SQLite file that is rebuilt from the records if damaged. Commits then do not wait for
            the disk: a killed process cannot damage the file, a power cut can.

    Raises:
        EnvironmentProblem: it cannot be opened; the text shows no password.
    """

    def __init__(
        self, url: str, *, claim: Claim = nothing, tell: Callable[[str], None] = log.warning, rebuilt: bool = False
    ) -> None:
        self.url = url
        self._claim = claim
        self._tell = tell
        self._waiting: dict[int, tuple[MirroredStudy, FrozenTrial]] = {}
        self._tries = 0
        self._away_since = self._next_round = 0.0
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        postgres = parsed(url).get_backend_name() == "postgresql"
        # After a restart of the server, the connections of the pool are no longer valid.
        options = {"pool_pre_ping": True, "connect_args": {"connect_timeout": CONNECT_S}} if postgres else {}
        with self.opening():
            _touch(parsed(url))
            self.database = RDBStorage(url, engine_kwargs=options)
            if rebuilt:
                event.listen(self.database.engine, "connect", _without_waiting)
                self.database.engine.dispose()  # the connection that made the tables lacks it

    @contextmanager
    def opening(self) -> Iterator[None]:
        """End the run at once if the storage does not answer; for use before the cells run.

        Raises:
            EnvironmentProblem: it does not answer, or holds something else.
        """
        try:
            yield
        except (OptunaError, SQLAlchemyError, ImportError) as problem:
            raise cannot_open(self.url, problem) from problem

    def study(
        self,
        name: str,
        *,
        identity: str = KEY,
        directions: Sequence[StudyDirection] = (StudyDirection.MAXIMIZE,),
        metrics: Sequence[str] = (),
    ) -> MirroredStudy:
        """The Optuna study of that name, created if it does not exist.

        Args:
            name: name of the study.
            identity: the attribute that identifies a trial.
            directions: one per objective.
            metrics: names of the objectives; empty if they need none.

        Raises:
            EnvironmentProblem: the storage cannot be read or written.
        """
        with self.opening(), quiet():
            sampler = optuna.samplers.RandomSampler(seed=0)
            made = optuna.create_study(
                study_name=name, storage=self.database, directions=directions, sampler=sampler, load_if_exists=True
            )
            if metrics:
                made.set_metric_names(list(metrics))
            return MirroredStudy(self.database, name, identity=identity)

    def close(self) -> None:
        """Close its connections."""
        self.database.remove_session()
        self.database.engine.dispose()

    def put(self, study: MirroredStudy, trial: FrozenTrial) -> None:
        """Write the trial when the next round is due: once, in the state it has then, however often it was put.

        Raises:
            EnvironmentProblem: as :meth:`flush`.
        """
        self._waiting[id(trial)] = (study, trial)
        self.flush()

    def flush(self) -> None:
        """Write the waiting trials if the next round is due.

        Raises:
            EnvironmentProblem: it has not responded for too long, or another program writes to this study.
        """
        if self._waiting and time.monotonic() >= self._next_round:
            self._next_round = time.monotonic() + PACE_S
            self._write()

    def annotate(self, study: MirroredStudy, notes: Notes) -> None:
        """Write notes at once, without waiting for a storage that does not respond.

        Raises:
            SQLAlchemyError, OptunaError, StorageAwayError: it does not answer.
            EnvironmentProblem: another coordinator has taken the study.
        """
        self._claim()
        study.annotate(notes)

    def settle(self) -> None:
        """Write all waiting trials, even if the storage has to respond again first.

        Raises:
            EnvironmentProblem: as :meth:`flush`.
        """
        if not self._tries:
            self._next_round = 0.0
        while self._waiting:
            time.sleep(max(0.0, self._next_round - time.monotonic()))
            self.flush()

    def _write(self) -> None:
        try:
            self._claim()
            while self._waiting:
                number, (study, trial) = next(iter(self._waiting.items()))
                if self._tries:
                    study.reload()
                study.upsert(trial)
                del self._waiting[number]
                if self._tries:
                    self._tell("the storage responds again")
                self._tries = 0
        except (StorageInternalError, SQLAlchemyError, StorageAwayError) as problem:
            self._put_off(problem)
        except (UpdateFinishedTrialError, KeyError) as problem:
            raise EnvironmentProblem(
                f"another program closed or removed a trial of this run in {without_password(self.url)} ({problem}); "
                "finished cells are kept as records; run the study again"
            ) from problem

    def _put_off(self, problem: Exception) -> None:
        now = time.monotonic()
        said = scrubbed(in_short(problem), self.url)
        if not self._tries:
            self._away_since = now
            self._tell(f"the storage does not respond ({said}); cells continue for up to {PATIENCE_S:.0f} s")
        elif now - self._away_since > PATIENCE_S:
            raise EnvironmentProblem(
                f"the storage {without_password(self.url)} has not answered for {now - self._away_since:.0f} s "
                f"({said}); finished cells are kept as records; run the study again when it does, or without --storage"
            ) from problem
        self._next_round = now + min(LONGEST_PAUSE_S, 0.25 * 2**self._tries)
        self._tries += 1


def _touch(url: URL) -> None:
    """Create the file of a new SQLite database, because SQLite itself would let only the owner write to it."""
    if url.get_backend_name() == "sqlite" and url.database and url.database[:1] != ":" and "file:" not in url.database:
        with contextlib.suppress(OSError):  # opening it reports the reason
            Path(url.database).touch()


def _without_waiting(connection: Any, record: object) -> None:
    connection.execute("PRAGMA synchronous = OFF")
