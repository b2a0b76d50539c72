"""The study's own Optuna file, a mirror of its records: set aside where it is damaged, and made anew from them."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path

from harness.records import set_aside

TABLES = frozenset(("studies", "trials", "trial_values", "trial_user_attributes", "trial_intermediate_values"))
"""What Optuna's storage has and a study needs; Optuna makes them one by one, and goes on where it was stopped."""

NO_FAULT_OF_THE_FILE = frozenset(
    (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_READONLY)
)


def set_aside_if_damaged(path: Path) -> None:
    """See that the file can be opened as Optuna's storage, or move it out of the way.

    What a killed writer left unfinished is rolled back by SQLite; that is no damage.

    Raises:
        harness.errors.EnvironmentProblem: it is damaged and the folder cannot be written.
    """
    if not path.exists():
        return
    why = damage(path)
    if why:
        set_aside(path, why, then="made anew from the records")
        for journal in ("-journal", "-wal", "-shm"):  # it would be taken for that of the new file
            path.with_name(path.name + journal).unlink(missing_ok=True)


def damage(path: Path) -> str:
    """What is wrong with the file; empty where nothing is, or where the disk is to blame, which opening it will say."""
    try:
        with closing(sqlite3.connect(path)) as database:
            (found,) = database.execute("PRAGMA integrity_check(1)").fetchone()
            if found != "ok":
                return str(found)
            tables = {name for (name,) in database.execute("SELECT name FROM sqlite_master")}
            if "studies" in tables:
                database.execute("SELECT study_id, study_name FROM studies")
            if "trials" in tables and database.execute("SELECT count(*) FROM trials").fetchone()[0]:
                for table in sorted(TABLES - tables):
                    return f"it has no table {table}"
                for (value,) in database.execute("SELECT value_json FROM trial_user_attributes"):
                    json.loads(value)
    except sqlite3.Error as problem:
        code = getattr(problem, "sqlite_errorcode", 0) & 0xFF
        return "" if code in NO_FAULT_OF_THE_FILE else str(problem)
    except (ValueError, TypeError) as problem:
        return f"an attribute of a trial is not JSON: {problem}"
    return ""
