"""The database behind ``--storage``: what is written there waits, in order, while it is away."""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import optuna
from optuna.exceptions import OptunaError, StorageInternalError, UpdateFinishedTrialError
from optuna.storages import RDBStorage
from optuna.study import StudyDirection
from sqlalchemy import event
from sqlalchemy.exc import SQLAlchemyError

from harness.errors import EnvironmentProblem
from harness.runner.optuna.storage_claim import CONNECT_S, Claim, NoClaim, StorageAwayError
from harness.runner.optuna.storage_url import cannot_open, in_short, parsed, scrubbed, without_password

log = logging.getLogger(__name__)

PATIENCE_S = 120.0
"""How long a storage may be away before the run ends, in seconds."""

LONGEST_PAUSE_S = 5.0
"""Between two tries to reach it, in seconds; the first pauses are shorter."""

PACE_S = 1.0
"""Between two rounds of writing, in seconds: a commit to a file may take 50 ms, and what changed twice goes once."""

Write = Callable[[bool], None]
"""Writes to the storage; told whether it was tried before, so that it may be there already, whole or in part."""


class Storage:
    """An Optuna storage of which the coordinator is the one writer.

    It is a mirror: the records are what counts. What is to be written waits for the next round, in order. Where the
    storage is away it waits longer and the cells go on; if it stays away for :data:`PATIENCE_S` the run ends.

    Args:
        url: of the database.
        claim: of this coordinator on its study there.
        tell: told when the storage goes away and when it is back.
        rebuilt: it is an SQLite file that is made anew from the records where it is damaged, so that no commit need
            wait for the disk; a killed process cannot damage it, a power cut can.

    Raises:
        EnvironmentProblem: it cannot be opened; the text shows no password.
    """

    def __init__(
        self,
        url: str,
        *,
        claim: Claim | None = None,
        tell: Callable[[str], None] = log.warning,
        rebuilt: bool = False,
    ) -> None:
        self.url = url
        self._claim = claim or NoClaim()
        self._tell = tell
        self._waiting: deque[Write] = deque()
        self._tries = 0
        self._away_since = self._next_round = 0.0
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        postgres = parsed(url).get_backend_name() == "postgresql"
        # A server that started again has forgotten the connections of the pool.
        options = {"pool_pre_ping": True, "connect_args": {"connect_timeout": CONNECT_S}} if postgres else {}
        with self.opening():
            self.database = RDBStorage(url, engine_kwargs=options)
            if rebuilt:
                event.listen(self.database.engine, "connect", _without_waiting)
                self.database.engine.dispose()  # the connection that made the tables has not heard of it

    @contextmanager
    def opening(self) -> Iterator[None]:
        """While the run has not begun, a storage that does not answer ends it at once.

        Raises:
            EnvironmentProblem: it does not answer, or holds something else.
        """
        try:
            yield
        except (OptunaError, SQLAlchemyError, ImportError) as problem:
            raise cannot_open(self.url, problem) from problem

    def study(self, name: str, directions: Sequence[StudyDirection] = (StudyDirection.MAXIMIZE,)) -> optuna.Study:
        """The Optuna study of that name, made where there is none.

        Raises:
            EnvironmentProblem: the storage cannot be read or written.
        """
        with self.opening():
            return optuna.create_study(
                study_name=name,
                storage=self.database,
                directions=list(directions),
                sampler=optuna.samplers.RandomSampler(seed=0),
                load_if_exists=True,
            )

    def close(self) -> None:
        """End its connections."""
        self.database.remove_session()
        self.database.engine.dispose()

    def put(self, write: Write) -> None:
        """Write when the next round is due, the storage answers, and all that was put before is there.

        Raises:
            EnvironmentProblem: as :meth:`flush`.
        """
        self._waiting.append(write)
        self.flush()

    def flush(self) -> None:
        """Write what waits, if the next round is due.

        Raises:
            EnvironmentProblem: it has been away for too long, or another program writes to this study.
        """
        if self._waiting and time.monotonic() >= self._next_round:
            self._next_round = time.monotonic() + PACE_S
            self._write()

    def _write(self) -> None:
        try:
            self._claim.keep()
            while self._waiting:
                self._waiting[0](self._tries > 0)
                self._waiting.popleft()
                if self._tries:
                    self._tell("the storage answers again")
                self._tries = 0
        except (StorageInternalError, SQLAlchemyError, StorageAwayError) as problem:
            self._put_off(problem)
        except (UpdateFinishedTrialError, KeyError) as problem:
            raise EnvironmentProblem(
                f"another program closed or removed a trial of this run in {without_password(self.url)} ({problem}); "
                "what is finished is safe as records: run the study again"
            ) from problem

    def settle(self) -> None:
        """Write all that waits, while the storage is away, too.

        Raises:
            EnvironmentProblem: it is away for too long.
        """
        if not self._tries:
            self._next_round = 0.0
        while self._waiting:
            time.sleep(max(0.0, self._next_round - time.monotonic()))
            self.flush()

    def _put_off(self, problem: Exception) -> None:
        now = time.monotonic()
        said = scrubbed(in_short(problem), self.url)
        if not self._tries:
            self._away_since = now
            self._tell(f"the storage does not answer ({said}); the cells go on, it has {PATIENCE_S:.0f} s")
        elif now - self._away_since > PATIENCE_S:
            raise EnvironmentProblem(
                f"the storage {without_password(self.url)} has not answered for {now - self._away_since:.0f} s "
                f"({said}); what is finished is safe as records: run the study again when it does, or without --storage"
            ) from problem
        self._next_round = now + min(LONGEST_PAUSE_S, 0.25 * 2**self._tries)
        self._tries += 1


def _without_waiting(connection: Any, record: object) -> None:
    connection.execute("PRAGMA synchronous = OFF")
