"""Findings from reading a file: the sentences that ``plan`` and ``run`` print, and which events share a timestamp."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from harness.data.interactions import Interactions, LoadReport

_MANY_TIES = 0.01

HeldOut = NDArray[np.int64] | int

LEAVE_ONE_OUT = 2
"""Number of held-out events per user with one validation and one test target."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FileReport(LoadReport):
    """The load report of a file or a named set.

    Attributes:
        read_as: one sentence on the format, the columns, and which of them were guessed.
        tied: whether an event has the same timestamp as the same user's previous event, ``(n_events,)``; all False if
            there are no timestamps.
    """

    read_as: str = ""
    tied: NDArray[np.bool_] = field(repr=False, compare=False)

    def lines(self) -> list[str]:
        """Return what a reader of the results must know about the data, one line each."""
        said = [f"data: read as {self.read_as}"] if self.read_as else []
        said += [f"data: {count} {what}" for what, count in self.notes.items()]
        said += [f"data: {count} {what} dropped" for what, count in self.dropped.items()]
        if not math.isnan(self.tied_share) and self.tied_share >= _MANY_TIES:
            said.append(
                f"data: {self.tied_share:.0%} of neighbouring events of a user have tied timestamps, ordered as in the "
                "file"
            )
        return said


def lines_of(data: Interactions) -> list[str]:
    """Return the lines of the data's report; none if the data is not from a file."""
    report = data.load_report
    return report.lines() if isinstance(report, FileReport) else []


def read_as(data: Interactions) -> str:
    """Return how the file was read, one sentence; empty if the data is not from a file."""
    report = data.load_report
    return report.read_as if isinstance(report, FileReport) else ""


def tied_events(data: Interactions) -> NDArray[np.bool_]:
    """Return which events have the same timestamp as the user's previous event, ``(n_events,)``."""
    report = data.load_report
    return report.tied if isinstance(report, FileReport) else np.zeros(len(data.items), dtype=bool)


def n_decided_by_ties(data: Interactions, held_out: HeldOut = LEAVE_ONE_OUT) -> int:
    """Count the users with a validation or test target that depends on the order of events with equal timestamps.

    Args:
        data: the sequences.
        held_out: number of held-out targets of each user, ``(n_users,)``, or one number for all; also below.
    """
    run = _runs(data)
    starts = np.flatnonzero(np.r_[True, run[1:] != run[:-1]])
    varied = np.minimum.reduceat(data.items, starts) != np.maximum.reduceat(data.items, starts)
    return len(np.unique(_user(data)[_is_held_out(data, held_out) & varied[run]]))


def exchangeable(data: Interactions, held_out: HeldOut = LEAVE_ONE_OUT) -> NDArray[np.bool_]:
    """Return which users have held-out events with equal timestamps and different items, ``(n_users,)``."""
    run, held = _runs(data), np.flatnonzero(_is_held_out(data, held_out))
    # Comparing neighbours suffices: if all neighbours in a run have equal items, all items of the run are equal.
    pairs = held[1:][(np.diff(held) == 1) & (np.diff(run[held]) == 0) & (np.diff(data.items[held]) != 0)]
    found = np.zeros(data.n_users, dtype=bool)
    found[_user(data)[pairs]] = True
    return found


def with_held_out_exchanged(data: Interactions, seed: int, held_out: HeldOut = LEAVE_ONE_OUT) -> Interactions:
    """Return the data with each user's held-out events of equal timestamp in random order.

    Training events keep their places, so that a backbone is never tested on an item it was trained to predict there.
    """
    run, rng = _runs(data), np.random.default_rng(seed)
    first_of_run = np.flatnonzero(np.r_[True, run[1:] != run[:-1]])
    counts = np.broadcast_to(held_out, data.n_users)
    items = data.items.copy()
    for back in range(int(counts.max(initial=0)) - 1):
        # Fisher-Yates: each event, a user's last first, is swapped with a random event of its run up to itself.
        drawn = rng.random(data.n_users)
        users = np.flatnonzero(back < counts - 1)
        at = data.offsets[1:][users] - 1 - back
        low = np.maximum(data.offsets[1:][users] - counts[users], first_of_run[run[at]])
        other = low + (drawn[users] * (at - low + 1)).astype(np.int64)
        items[at], items[other] = items[other], items[at]
    return replace(data, items=items)


def _user(data: Interactions) -> NDArray[np.int64]:
    """Return the user of each event, ``(n_events,)``."""
    return np.repeat(np.arange(data.n_users), data.lengths)


def _is_held_out(data: Interactions, held_out: HeldOut) -> NDArray[np.bool_]:
    """Return which events are validation or test targets, ``(n_events,)``."""
    first = data.offsets[1:] - held_out
    return np.arange(len(data.items)) >= np.repeat(first, data.lengths)


def _runs(data: Interactions) -> NDArray[np.int64]:
    """Return the number of the run of equal timestamps that each event is in, ascending, ``(n_events,)``."""
    return np.cumsum(~tied_events(data)) - 1
