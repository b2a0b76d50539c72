"""The one form in which the harness holds data: every user's item sequence, oldest first."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

Times = NDArray[np.int64] | NDArray[np.float64]

PADDING = 0
"""The item number that stands for "no item"; real items count from 1."""

MIN_SEQUENCE = 3
"""Leave-one-out needs a test target, a valid target and at least one item before them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadReport:
    """What was read and what was left out on the way, for the report's method section.

    Attributes:
        source: the file or named set as the user wrote it.
        rows: interactions read.
        dropped: reason -> number of interactions (or users, as the reason says) left out.
        tied_share: fraction of neighbouring events of a user that share one timestamp, in [0, 1]; NaN where the
            source has no timestamps.
        notes: what was found and kept (such as duplicate rows) -> how many.
    """

    source: str
    rows: int
    dropped: dict[str, int] = field(default_factory=dict)
    tied_share: float = float("nan")
    notes: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Interactions:
    """Users' whole sequences, end to end in one array.

    Attributes:
        name: the data set's name.
        items: item numbers from 1, users one after the other, oldest first, ``(n_events,)`` int32.
        offsets: user ``u`` owns ``items[offsets[u]:offsets[u + 1]]``, ``(n_users + 1,)`` int64.
        user_labels: the source's user ids, ``(n_users,)`` of str.
        item_labels: the source's item ids by item number, ``(n_items + 1,)`` of str; entry 0 is empty.
        load_report: what reading the source left out.
        times: of each event, in the source's unit, ``(n_events,)``; None where the source has no timestamps. Sequences
            are in their order, so the fingerprint leaves them out.
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
        """A hash of the content (sequences and labels, not the name), 16 hexadecimal digits."""
        digest = hashlib.sha256()
        for part in (self.items.astype("<i4"), self.offsets.astype("<i8")):
            digest.update(part.tobytes())
        for labels in (self.user_labels, self.item_labels):
            digest.update("\n".join(labels.tolist()).encode())
        return digest.hexdigest()[:16]

    def hash_of_times(self) -> str:
        """A hash of the timestamps, 16 hexadecimal digits; empty where there are none."""
        if self.times is None:
            return ""
        kept = self.times.astype(self.times.dtype.newbyteorder("<"))
        return hashlib.sha256(kept.dtype.str.encode() + kept.tobytes()).hexdigest()[:16]
