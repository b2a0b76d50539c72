"""What reading a file found: the sentences that ``plan`` and ``run`` print, and which events share a timestamp."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from harness.data.interactions import Interactions, LoadReport

_MANY_TIES = 0.01


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
                f"data: {self.tied_share:.0%} of neighbouring events of a user have equal timestamps; the order of the "
                "file decides between them"
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


def n_decided_by_ties(data: Interactions) -> int:
    """Users whose validation or test target would be another item in another order of events of one timestamp."""
    run = _runs(data)
    starts = np.flatnonzero(np.r_[True, run[1:] != run[:-1]])
    varied = np.minimum.reduceat(data.items, starts) != np.maximum.reduceat(data.items, starts)
    last = data.offsets[1:] - 1
    return int((varied[run[last]] | varied[run[last - 1]]).sum())


def exchangeable(data: Interactions) -> NDArray[np.bool_]:
    """Users whose validation and test event share a timestamp and are of different items, ``(n_users,)``."""
    last = data.offsets[1:] - 1
    return tied_events(data)[last] & (data.items[last] != data.items[last - 1])


def with_held_out_exchanged(data: Interactions, seed: int) -> Interactions:
    """The same events with validation and test event exchanged for half of the users where they share a timestamp.

    Training events stay, so that a backbone is never tried on an item that it was trained to predict there.
    """
    last = (data.offsets[1:] - 1)[exchangeable(data) & (np.random.default_rng(seed).random(data.n_users) < 0.5)]
    items = data.items.copy()
    items[last], items[last - 1] = data.items[last - 1], data.items[last]
    return replace(data, items=items)


def _runs(data: Interactions) -> NDArray[np.int64]:
    """Number of each event's run of equal timestamps, ascending, ``(n_events,)``."""
    return np.cumsum(~tied_events(data)) - 1
