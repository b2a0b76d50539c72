"""What reading a file found: the sentences that ``plan`` and ``run`` print, and which events share a timestamp."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from harness.data.interactions import Interactions, LoadReport

_MANY_TIES = 0.01

HeldOut = NDArray[np.int64] | int

LEAVE_ONE_OUT = 2
"""Events of every user that are held out where each has one validation and one test target."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FileReport(LoadReport):
    """A load report of a file or a named set.

    Attributes:
        read_as: format and columns, and what of it was guessed, one sentence.
        tied: whether an event has the timestamp of the event before it of the same user, ``(n_events,)``; all False
            where there are no timestamps.
    """

    read_as: str = ""
    tied: NDArray[np.bool_] = field(repr=False, compare=False)

    def lines(self) -> list[str]:
        """What a reader of the results must know of the data, a line each."""
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
    """The lines of the data's report; none where the data came from no file."""
    report = data.load_report
    return report.lines() if isinstance(report, FileReport) else []


def read_as(data: Interactions) -> str:
    """How the file was read, one sentence; empty where the data came from no file."""
    report = data.load_report
    return report.read_as if isinstance(report, FileReport) else ""


def tied_events(data: Interactions) -> NDArray[np.bool_]:
    """Which events share the timestamp of the user's event before, ``(n_events,)``."""
    report = data.load_report
    return report.tied if isinstance(report, FileReport) else np.zeros(len(data.items), dtype=bool)


def n_decided_by_ties(data: Interactions, held_out: HeldOut = LEAVE_ONE_OUT) -> int:
    """Users of whom a validation or test target would be another item in another order of events of one timestamp.

    Args:
        data: the sequences.
        held_out: validation and test targets of each user, ``(n_users,)``, or as many of all; so in what follows.
    """
    run = _runs(data)
    starts = np.flatnonzero(np.r_[True, run[1:] != run[:-1]])
    varied = np.minimum.reduceat(data.items, starts) != np.maximum.reduceat(data.items, starts)
    return len(np.unique(_user(data)[_is_held_out(data, held_out) & varied[run]]))


def exchangeable(data: Interactions, held_out: HeldOut = LEAVE_ONE_OUT) -> NDArray[np.bool_]:
    """Users of whom some validation or test events share a timestamp and are of different items, ``(n_users,)``."""
    run, held = _runs(data), np.flatnonzero(_is_held_out(data, held_out))
    # Neighbours suffice: where all of a run are neighbours of equal items, all of its items are equal.
    pairs = held[1:][(np.diff(held) == 1) & (np.diff(run[held]) == 0) & (np.diff(data.items[held]) != 0)]
    found = np.zeros(data.n_users, dtype=bool)
    found[_user(data)[pairs]] = True
    return found


def with_held_out_exchanged(data: Interactions, seed: int, held_out: HeldOut = LEAVE_ONE_OUT) -> Interactions:
    """The same events with the validation and test events of each timestamp of a user in a random order.

    Training events stay, so that a backbone is never tried on an item that it was trained to predict there.
    """
    run, rng = _runs(data), np.random.default_rng(seed)
    first_of_run = np.flatnonzero(np.r_[True, run[1:] != run[:-1]])
    counts = np.broadcast_to(held_out, data.n_users)
    items = data.items.copy()
    for back in range(int(counts.max(initial=0)) - 1):
        # Fisher and Yates: each event, the last of a user first, changes places with one of its run up to itself.
        drawn = rng.random(data.n_users)
        users = np.flatnonzero(back < counts - 1)
        at = data.offsets[1:][users] - 1 - back
        low = np.maximum(data.offsets[1:][users] - counts[users], first_of_run[run[at]])
        other = low + (drawn[users] * (at - low + 1)).astype(np.int64)
        items[at], items[other] = items[other], items[at]
    return replace(data, items=items)


def _user(data: Interactions) -> NDArray[np.int64]:
    """Of each event, ``(n_events,)``."""
    return np.repeat(np.arange(data.n_users), data.lengths)


def _is_held_out(data: Interactions, held_out: HeldOut) -> NDArray[np.bool_]:
    """Which events are validation or test targets, ``(n_events,)``."""
    first = data.offsets[1:] - held_out
    return np.arange(len(data.items)) >= np.repeat(first, data.lengths)


def _runs(data: Interactions) -> NDArray[np.int64]:
    """Number of each event's run of equal timestamps, ascending, ``(n_events,)``."""
    return np.cumsum(~tied_events(data)) - 1
