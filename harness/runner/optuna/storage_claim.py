"""One coordinator a study in a storage, from whatever folder or machine it runs."""

from __future__ import annotations

import hashlib
import logging
import os
import socket
import uuid
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import Protocol

from sqlalchemy import NullPool, create_engine, text
from sqlalchemy.engine import URL, Connection
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from harness.errors import EnvironmentProblem
from harness.runner.optuna.storage_url import cannot_open, in_short, parsed, without_password
from harness.runner.ownership import held

log = logging.getLogger(__name__)

CONNECT_S = 5
"""How long a database server may take to answer, in seconds."""


HOLDER = """
SELECT application_name, backend_start FROM pg_locks JOIN pg_stat_activity USING (pid)
WHERE locktype = 'advisory' AND granted AND objsubid = 1 AND classid = :high AND objid = :low
AND pg_locks.database = (SELECT oid FROM pg_database WHERE datname = current_database())
"""
"""Who holds the lock whose number has these two halves."""


class StorageAwayError(Exception):
    """The database cannot be used now; it may be back soon."""


class Claim(Protocol):
    """One coordinator's hold on its study in a storage."""

    def keep(self) -> None:
        """See that it is still held, and take it again where the database let go of it.

        Raises:
            StorageAwayError: the database does not answer now.
            EnvironmentProblem: another coordinator has taken it.
        """
        ...


class NoClaim:
    """For a storage that nobody else can reach, or that a file's lock guards: it cannot be lost."""

    def keep(self) -> None:
        pass


@contextmanager
def claimed(storage: str, study: str) -> Iterator[Claim]:
    """Hold a study in a storage, so that no second coordinator writes to it, from whatever folder or machine.

    PostgreSQL: an advisory lock of a session, free when the session ends, however it ends. SQLite: a lock beside the
    file. Other databases have no claim, and the log says so.

    Args:
        storage: URL of the database.
        study: the name of the study there.

    Raises:
        EnvironmentProblem: another coordinator holds it; the text names that one.
    """
    url = parsed(storage)
    kind = url.get_backend_name()
    if kind == "postgresql":
        claim = PostgresClaim(url, study)
        try:
            yield claim
        finally:
            claim.release()
    elif kind == "sqlite":
        with _beside(url.database, study):
            yield NoClaim()
    else:
        log.warning("%s has no claim on a study: see to it that one run at a time writes to %r there", kind, study)
        yield NoClaim()


def _beside(database: str | None, study: str) -> AbstractContextManager[None]:
    if not database or database == ":memory:" or database.startswith("file:"):
        return nullcontext()
    path = Path(database)
    start = f".{path.name}.{_number(study) & 0xFFFFFFFF:08x}"
    what = f"the study {study!r} in {path}"
    return held(path.with_name(f"{start}.lock"), path.with_name(f"{start}.owner"), what, "--storage")


class PostgresClaim:
    """A session-level advisory lock on a connection of its own.

    Raises:
        EnvironmentProblem: another coordinator holds it, or the server cannot be used.
    """

    def __init__(self, url: URL, study: str) -> None:
        self._url = url
        self._study = study
        # The server cuts names at 63 bytes; the digits tell this claim from any other of the same process.
        self._me = f"ftr-study {uuid.uuid4().hex[:6]}: process {os.getpid()} on {socket.gethostname()}"[:63]
        arguments = {"connect_timeout": CONNECT_S, "application_name": self._me}
        self._connection: Connection | None = None
        try:
            self._engine = create_engine(url, poolclass=NullPool, connect_args=arguments)
            self._take()
        except (SQLAlchemyError, ImportError, StorageAwayError) as problem:
            raise cannot_open(str(url.render_as_string(hide_password=False)), problem) from None

    def keep(self) -> None:
        try:
            if self._connection is not None:
                self._connection.execute(text("SELECT 1"))
                return
        except DBAPIError:
            self.release()
        try:
            self._take()
        except SQLAlchemyError as problem:
            raise StorageAwayError(in_short(problem)) from problem

    def release(self) -> None:
        if self._connection is not None:
            self._connection.invalidate()  # ends the session, and the lock with it, even where it is broken
            self._connection.close()
            self._connection = None

    def _take(self) -> None:
        connection = self._engine.connect()
        try:
            self._lock(connection.execution_options(isolation_level="AUTOCOMMIT"))
        except BaseException:
            connection.invalidate()
            connection.close()
            raise
        self._connection = connection

    def _lock(self, connection: Connection) -> None:
        # A machine that lost its power says no goodbye; without these the server would wait for it for two hours.
        for setting, value in (("idle", 30), ("interval", 10), ("count", 3)):
            connection.execute(text(f"SET tcp_keepalives_{setting} = {value}"))
        number = _number(self._study)
        if connection.execute(text("SELECT pg_try_advisory_lock(:number)"), {"number": number}).scalar():
            return
        holder = connection.execute(text(HOLDER), {"high": number >> 32 & 0xFFFFFFFF, "low": number & 0xFFFFFFFF})
        name, since = holder.one_or_none() or ("", None)
        if name == self._me:
            raise StorageAwayError("the server has not yet noticed that this run's session broke")
        when = f" since {since:%Y-%m-%dT%H:%M:%S%z}" if since else ""
        raise EnvironmentProblem(
            f"the study {self._study!r} in {without_password(str(self._url))} is being run by "
            f"{name.partition(': ')[2] or 'another process'}{when}; wait for it, or stop it first"
        )


def _number(study: str) -> int:
    """The study's name as a signed number of 64 bits."""
    return int.from_bytes(hashlib.sha256(f"ftr-study {study}".encode()).digest()[:8], signed=True)
