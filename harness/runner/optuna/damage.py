"""Sets aside the study's own Optuna file if it is damaged; the file mirrors the records and is rebuilt from them."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from harness.files import set_aside

NO_FAULT_OF_THE_FILE = frozenset(
    (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_READONLY)
)

OF_STUDIES = "SELECT 'it has the study ' || study_name || ' twice' FROM studies GROUP BY study_name HAVING count(*) > 1"
OF_TRIALS = (
    "SELECT 'an attribute of a trial is not JSON' FROM trial_user_attributes WHERE NOT json_valid(value_json)",
    "SELECT '' FROM trial_values, trial_intermediate_values WHERE false",
)
"""Queries that return what is wrong, or fail if a table is missing."""


def set_aside_if_damaged(path: Path) -> None:
    """Check that the file can be opened as Optuna's storage; set it aside if it is damaged.

    A transaction that a killed writer left unfinished is not damage: SQLite rolls it back. A file without a trial is
    removed: Optuna creates its tables and their indexes one by one, and if it was stopped in between, it never creates
    the index, and every run then adds the study again.

    Raises:
        harness.errors.EnvironmentProblem: it is damaged and the folder cannot be written.
    """
    if not path.exists():
        return
    try:
        with closing(sqlite3.connect(path)) as database:
            why, n_trials = _damage(database)
    except sqlite3.Error as problem:
        if getattr(problem, "sqlite_errorcode", 0) & 0xFF in NO_FAULT_OF_THE_FILE:
            return  # opening it reports this
        why, n_trials = str(problem), 0
    if why:
        set_aside(path, why, then="rebuilt from the records")
    if why or not n_trials:
        for name in (path.name, *(f"{path.name}-{journal}" for journal in ("journal", "wal", "shm"))):
            path.with_name(name).unlink(missing_ok=True)  # SQLite would take a journal for that of the new file


def _damage(database: sqlite3.Connection) -> tuple[str, int]:
    """Return what is wrong with the file (empty if nothing is), and its number of trials.

    Raises:
        sqlite3.Error: it is not a readable SQLite database with Optuna's tables.
    """
    (found,) = database.execute("PRAGMA integrity_check(1)").fetchone()
    if found != "ok":
        return str(found), 0
    tables = {name for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    n_trials = database.execute("SELECT count(*) FROM trials").fetchone()[0] if "trials" in tables else 0
    for query in (*[OF_STUDIES] * ("studies" in tables or n_trials > 0), *OF_TRIALS * (n_trials > 0)):
        wrong = database.execute(query).fetchone()
        if wrong is not None:
            return wrong[0], n_trials
    return "", n_trials
