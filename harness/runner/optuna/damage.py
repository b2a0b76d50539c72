"""The study's own Optuna file, a mirror of its records: set aside where it is damaged, and rebuilt from them."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path

from harness.files import set_aside

TABLES = frozenset(("studies", "trials", "trial_values", "trial_user_attributes", "trial_intermediate_values"))
"""What Optuna's storage has and a study needs."""

NO_FAULT_OF_THE_FILE = frozenset(
    (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_READONLY)
)


def set_aside_if_damaged(path: Path) -> None:
    """Check that the file can be opened as Optuna's storage, or move it out of the way.

    SQLite rolls back what a killed writer left unfinished; that is no damage. A file without a trial is removed:
    Optuna makes its tables and their indexes one by one, and where it was stopped between the two it never makes the
    index, without which every run enters the study again.

    Raises:
        harness.errors.EnvironmentProblem: it is damaged and the folder cannot be written.
    """
    if not path.exists():
        return
    try:
        with closing(sqlite3.connect(path)) as database:
            why = _damage(database)
            empty = not why and not _n_trials(database)
    except sqlite3.Error as problem:
        if getattr(problem, "sqlite_errorcode", 0) & 0xFF in NO_FAULT_OF_THE_FILE:
            return  # opening it will say so
        why, empty = str(problem), False
    if why:
        set_aside(path, why, then="rebuilt from the records")
    if why or empty:
        for name in (path.name, *(f"{path.name}-{journal}" for journal in ("journal", "wal", "shm"))):
            path.with_name(name).unlink(missing_ok=True)  # a journal would be taken for that of the new file


def _damage(database: sqlite3.Connection) -> str:
    """What is wrong with the file; empty where nothing is.

    Raises:
        sqlite3.Error: it cannot be read as what it should be.
    """
    (found,) = database.execute("PRAGMA integrity_check(1)").fetchone()
    if found != "ok":
        return str(found)
    tables = _tables(database)
    if "studies" in tables:
        twice = database.execute("SELECT study_name FROM studies GROUP BY study_name HAVING count(*) > 1").fetchone()
        if twice:
            return f"it has the study {twice[0]!r} twice"
    if _n_trials(database):
        for table in sorted(TABLES - tables):
            return f"it has no table {table}"
        for (value,) in database.execute("SELECT value_json FROM trial_user_attributes"):
            try:
                json.loads(value)
            except (ValueError, TypeError) as problem:
                return f"an attribute of a trial is not JSON: {problem}"
    return ""


def _tables(database: sqlite3.Connection) -> set[str]:
    return {name for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}


def _n_trials(database: sqlite3.Connection) -> int:
    return database.execute("SELECT count(*) FROM trials").fetchone()[0] if "trials" in _tables(database) else 0
