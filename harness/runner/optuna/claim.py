"""Allows one coordinator per study in a storage, whatever folder or machine it runs on."""

from __future__ import annotations

import hashlib
import logging
import os
import socket
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import NullPool, create_engine, text
from sqlalchemy.engine import URL, Connection
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from harness.files import locked, refuse
from harness.runner.optuna.url import CONNECT_S, cannot_open, in_short, parsed, without_password
from harness.stopping import nothing

log = logging.getLogger(__name__)

HOLDER = """
SELECT application_name, backend_start FROM pg_locks JOIN pg_stat_activity USING (pid)
WHERE locktype = 'advisory' AND granted AND objsubid = 1 AND classid = :high AND objid = :low
AND pg_locks.database = (SELECT oid FROM pg_database WHERE datname = current_database())
"""
"""Query for the holder of the lock whose number has these two halves."""

Claim = Callable[[], None]
"""Checks that this coordinator still holds its study, and takes it again if the database released it.

Raises :class:`StorageAwayError` if the database does not answer now, and EnvironmentProblem if another coordinator has
taken the study. A claim that cannot be lost does nothing.
"""


class StorageAwayError(Exception):
    """The database cannot be used now; it may be back soon."""


@contextmanager
def claimed(storage: str, study: str) -> Iterator[Claim]:
    """Hold a study of a storage while the block runs.

    PostgreSQL uses an advisory lock, SQLite a lock on a file next to the database. Other databases have no such lock;
    a warning is logged.

    Args:
        storage: a database URL.
        study: its name there.

    Raises:
        EnvironmentProblem: another coordinator holds it; the text names the holder.
    """
    url = parsed(storage)
    kind, database = url.get_backend_name(), url.database or ":memory:"
    if kind == "postgresql":
        claim = PostgresClaim(url, study)
        try:
            yield claim.check
        finally:
            claim.release()
    elif kind == "sqlite" and database != ":memory:" and not database.startswith("file:"):
        path = Path(database)
        mark = path.with_name(f"{path.name}.{_number(study) & 0xFFFFFFFF:08x}")
        with locked(mark, refuse, what=f"the study {study!r} in {path}", option="--storage"):
            yield nothing
    else:
        if kind != "sqlite":
            log.warning("%s cannot lock a study; make sure that only one run at a time writes to %r there", kind, study)
        yield nothing


class PostgresClaim:
    """A session-level advisory lock on a connection of its own.

    Raises:
        EnvironmentProblem: another coordinator holds it, or the server cannot be used.
    """

    def __init__(self, url: URL, study: str) -> None:
        self._url = url
        self._study = study
        # The server cuts names at 63 bytes; the digits distinguish this claim from others of the same process.
        self._me = f"ftr-study {uuid.uuid4().hex[:6]}: process {os.getpid()} on {socket.gethostname()}"[:63]
        arguments = {"connect_timeout": CONNECT_S, "application_name": self._me}
        self._connection: Connection | None = None
        try:
            self._engine = create_engine(url, poolclass=NullPool, connect_args=arguments)
            self._take()
        except (SQLAlchemyError, ImportError, StorageAwayError) as problem:
            raise cannot_open(url.render_as_string(hide_password=False), problem) from None

    def check(self) -> None:
        """See :data:`Claim`."""
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
        """End the session, even a broken one; this releases the lock."""
        if self._connection is not None:
            self._connection.invalidate()
            self._connection.close()
            self._connection = None

    def _take(self) -> None:
        self._connection = self._engine.connect().execution_options(isolation_level="AUTOCOMMIT")
        try:
            self._lock(self._connection)
        except BaseException:
            self.release()
            raise

    def _lock(self, connection: Connection) -> None:
        # A machine that loses power does not end its session; without keepalives the server would wait for two hours.
        for setting, value in (("idle", 30), ("interval", 10), ("count", 3)):
            connection.execute(text(f"SET tcp_keepalives_{setting} = {value}"))
        number = _number(self._study)
        if connection.execute(text("SELECT pg_try_advisory_lock(:number)"), {"number": number}).scalar():
            return
        holder = connection.execute(text(HOLDER), {"high": number >> 32 & 0xFFFFFFFF, "low": number & 0xFFFFFFFF})
        name, since = holder.one_or_none() or ("", None)
        if name == self._me:
            raise StorageAwayError("the server has not yet noticed that this run's session broke")
        who = name.partition(": ")[2] or "another process"
        when = f" since {since:%Y-%m-%dT%H:%M:%S%z}" if since else ""
        refuse(f"the study {self._study!r} in {without_password(str(self._url))} is in use by {who}{when}")


def _number(study: str) -> int:
    """Return a hash of the study's name as a signed 64-bit number."""
    return int.from_bytes(hashlib.sha256(f"ftr-study {study}".encode()).digest()[:8], signed=True)
