"""Errors that a user can fix, each with its exit status of the command line."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class FtrError(ValueError):
    """Base class; the message says what is wrong, the value found and the fix."""

    exit_status = 2


class InputError(FtrError):
    """A study file, a data file or an option that cannot be used as given."""


class ContractError(FtrError):
    """A class that violates the contract of its extension point."""


class EnvironmentProblem(FtrError):
    """A problem of the machine, not of the input: no network, a full disk, a missing package."""

    exit_status = 4


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return a suggestion to append to an error message, or an empty string.

    >>> did_you_mean("kl.revers", ["kl.reverse", "kl.weight"])
    '; did you mean kl.reverse?'
    >>> did_you_mean("zzz", ["kl.reverse"])
    ''
    """
    close = difflib.get_close_matches(word, list(known), n=1, cutoff=0.6)
    return f"; did you mean {close[0]}?" if close else ""
