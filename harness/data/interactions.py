"""The data type of all data in the harness: every user's item sequence, oldest first."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

Times = NDArray[np.int64] | NDArray[np.float64]

PADDING = 0
"""The item number that means "no item"; real items are numbered from 1."""

MIN_SEQUENCE = 3
"""Minimum events per user: leave-one-out needs a test target, a validation target and one item before them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadReport:
    """What was read and what was left out, for the report's method section.

    Attributes:
        source: the file or named set as the user wrote it.
        rows: number of interactions read.
        dropped: reason -> number of interactions (or users or items, as the reason says) left out.
        tied_share: fraction of consecutive events of a user with the same timestamp, in [0, 1]; NaN if the source has
            no timestamps.
        notes: finding that was kept (such as duplicate rows) -> number of times.
    """

    source: str
    rows: int
    dropped: dict[str, int] = field(default_factory=dict)
    tied_share: float = float("nan")
    notes: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Interactions:
    """The whole sequences of all users, end to end in one array.

    Attributes:
        name: the data set's name.
        items: item numbers from 1, user by user, oldest first, ``(n_events,)`` int32.
        offsets: user ``u`` has ``items[offsets[u]:offsets[u + 1]]``, ``(n_users + 1,)`` int64.
        user_labels: the source's user ids, ``(n_users,)`` of str.
        item_labels: the source's item ids by item number, ``(n_items + 1,)`` of str; entry 0 is empty.
        load_report: what was read and what was left out.
        times: timestamp of each event, in the source's unit, ``(n_events,)``; None if the source has no timestamps. Not
            part of the fingerprint, since sequences are sorted by them.
    """

    name: str
    items: NDArray[np.int32]
    offsets: NDArray[np.int64]
    user_labels: NDArray[np.str_]
    item_labels: NDArray[np.str_]
    load_report: LoadReport
    times: Times | None = None

    def __repr__(self) -> str:
        size = f"{self.n_users} users, {self.n_items} items, {len(self.items)} interactions"
        return f"Interactions({self.name!r}, {size}, {self.fingerprint()})"

    @property
    def n_users(self) -> int:
        return len(self.offsets) - 1

    @property
    def n_items(self) -> int:
        return len(self.item_labels) - 1

    @property
    def lengths(self) -> NDArray[np.int64]:
        """Events of each user, ``(n_users,)``."""
        return np.diff(self.offsets)

    def sequence(self, user: int) -> NDArray[np.int32]:
        """One user's items, oldest first."""
        return self.items[self.offsets[user] : self.offsets[user + 1]]

    def fingerprint(self) -> str:
        """Return a hash of the content (sequences and labels, not the name), 16 hexadecimal digits."""
        digest = hashlib.sha256()
        for part in (self.items.astype("<i4"), self.offsets.astype("<i8")):
            digest.update(part.tobytes())
        for labels in (self.user_labels, self.item_labels):
            digest.update("\n".join(labels.tolist()).encode())
        return digest.hexdigest()[:16]

    def hash_of_times(self) -> str:
        """Return a hash of the timestamps, 16 hexadecimal digits; empty if there are none."""
        if self.times is None:
            return ""
        kept = self.times.astype(self.times.dtype.newbyteorder("<"))
        return hashlib.sha256(kept.dtype.str.encode() + kept.tobytes()).hexdigest()[:16]
