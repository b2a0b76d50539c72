"""The URL of ``--storage``: parsing, error messages, and removal of its password from them."""

from __future__ import annotations

import re

from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, SQLAlchemyError

from harness.errors import EnvironmentProblem, InputError

CONNECT_S = 5
"""How long a database server may take to answer, in seconds."""


def parsed(storage: str) -> URL:
    """The URL of ``--storage``.

    Raises:
        InputError: it is not a database URL.
    """
    try:
        return make_url(storage)
    except ArgumentError:
        raise InputError(
            f"--storage {without_password(storage)!r} is not a database URL; give one such as sqlite:///studies.db or "
            "postgresql+psycopg://USER@HOST/DATABASE"
        ) from None


def cannot_open(storage: str, problem: Exception) -> EnvironmentProblem:
    """Return the error to raise if a storage cannot be opened."""
    full = "disk is full" in str(problem) or "disk I/O error" in str(problem)
    fix = "free space or name another --storage" if full else "move the file aside or name another --storage"
    if storage.startswith("postgresql"):
        missing = isinstance(problem, ImportError)
        fix = "pip install 'ftr-study[postgres]'" if missing else "start the server or correct --storage"
    return EnvironmentProblem(
        f"cannot open the Optuna storage {without_password(storage)}: {scrubbed(in_short(problem), storage)}; {fix}"
    )


def in_short(problem: BaseException) -> str:
    """Return the message of the database driver, without the text that SQLAlchemy and Optuna add."""
    cause = problem.__cause__ if isinstance(problem.__cause__, SQLAlchemyError) else problem
    innermost = getattr(cause, "orig", None) or cause
    return " ".join(str(innermost).split())


def scrubbed(said: str, storage: str) -> str:
    """Return a text with every occurrence of the storage's password masked."""
    said = said.replace(storage, without_password(storage))
    try:
        password = make_url(storage).password
    except ArgumentError:
        return said
    return said.replace(password, "***") if password else said


def without_password(shown: str) -> str:
    """Return a storage URL, or a command-line word that holds one, with the password masked.

    >>> without_password("postgresql+psycopg://me:secret@host/db")
    'postgresql+psycopg://me:***@host/db'
    >>> without_password("--storage=postgresql+psycopg://me@host/db?sslmode=require&password=secret")
    '--storage=postgresql+psycopg://me@host/db?sslmode=require&password=***'
    >>> without_password("studies/kl_direction.yaml")
    'studies/kl_direction.yaml'
    """
    shown = re.sub(r"(//[^:/@?\s]*):[^\s]*@", r"\1:***@", shown)
    return re.sub(r"([?&](?:ssl)?password=)[^&\s]*", r"\1***", shown)
