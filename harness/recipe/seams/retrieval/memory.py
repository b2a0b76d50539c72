"""Seams ``sources``, ``refresh`` and ``eviction``: what the memory holds, and when its index is rebuilt."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Protocol

import numpy as np

from harness.data.split import Indices
from harness.engine.live.pairs import nth_of_run
from harness.recipe.schedules import Span, epochs_of

if TYPE_CHECKING:
    import torch

    from harness.engine.live.managed import ManagedMemory
    from harness.engine.types.forward import Forward
    from harness.engine.types.inputs import Inputs


class Source(Protocol):
    """A spec of the seam ``sources``: which prefixes may become entries of the memory.

    Attributes:
        grows: whether prefixes are added from epoch to epoch.
    """

    @property
    def grows(self) -> bool: ...

    def entries(self, inputs: Inputs, *, done: int, epochs: int) -> Indices:
        """Return prefixes that may be entries during training and on the validation set, ascending.

        Args:
            inputs: data.
            done: epochs trained so far.
            epochs: the epoch budget.
        """
        ...

    def added_for_test(self, inputs: Inputs) -> Indices:
        """Return prefixes that become entries in addition when the test set is scored, ascending."""
        ...


class Eviction(Protocol):
    """A spec of the seam ``eviction``: which admitted prefixes the memory keeps."""

    def build(self, generator: torch.Generator) -> Keeper | None:
        """Return the keeper that decides which admitted prefixes are entries; None: all of them."""
        ...


class Keeper(Protocol):
    """The live part of an eviction policy."""

    def observe(self, forward: Forward) -> None:
        """Update the keeper's statistics with the neighbours of a training batch."""
        ...

    def kept(self, admitted: Indices, *, turn_over: bool) -> Indices:
        """Return the prefixes that are entries from now on, ascending.

        Args:
            admitted: prefixes to choose from, ascending; there may be more than at the last call.
            turn_over: whether entries may be replaced in this call.
        """
        ...


class Refresh(Protocol):
    """A spec of the seam ``refresh``: when the index is rebuilt.

    Attributes:
        reencodes: whether a refresh re-encodes the keys.
    """

    @property
    def reencodes(self) -> bool: ...

    def due(self, done: int, epochs: int) -> bool:
        """Return whether the index is rebuilt after ``done`` of ``epochs`` epochs."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainSource:
    """Training prefixes only; validation targets never become entries.  Source: FTragrec as published, point 1."""

    @property
    def grows(self) -> bool:
        return False

    def entries(self, inputs: Inputs, *, done: int, epochs: int) -> Indices:
        return inputs.prefixes.train

    def added_for_test(self, inputs: Inputs) -> Indices:
        return inputs.prefixes.train[:0]


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredKeysRefresh:
    """Rebuild the index every ``every`` epochs from the stored keys, without re-encoding.  Source: point 9."""

    every: int = 10

    @property
    def reencodes(self) -> bool:
        return False

    def due(self, done: int, epochs: int) -> bool:
        return done % self.every == 0


@dataclass(frozen=True, slots=True, kw_only=True)
class NoEviction:
    """Every admitted prefix stays an entry.  Source: FTragrec as published, point 1."""

    def build(self, generator: torch.Generator) -> None:
        return None


SLACK = 1e-9
"""Tolerance in epochs when points in time are compared, because spans are floats."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WiderSource:
    """Training prefixes, of which each user's last are released during training; validation prefixes at test time.

    Attributes:
        valid: whether validation prefixes become entries when the test set is scored (never on the validation set).
        stream: share of each user's training prefixes, the last ones, that is held back at first, a fraction.
        parts: number of portions in which they are released, oldest first; the last one before the last epoch.

    Source: problem list 3.1.
    """

    valid: bool
    stream: float
    parts: int

    @property
    def grows(self) -> bool:
        return self.stream > 0.0

    def entries(self, inputs: Inputs, *, done: int, epochs: int) -> Indices:
        train = inputs.prefixes.train
        counts = np.bincount(inputs.prefixes.user[train], minlength=inputs.data.n_users)
        held = np.repeat(np.floor(self.stream * counts).astype(np.int64), counts)
        nth = nth_of_run(counts)
        late = nth - (np.repeat(counts, counts) - held)
        part = np.where(late >= 0, late * self.parts // np.maximum(held, 1), -1)
        released = done * self.parts // max(epochs - 1, 1)
        return train[part < released]

    def added_for_test(self, inputs: Inputs) -> Indices:
        return inputs.prefixes.valid if self.valid else inputs.prefixes.train[:0]


@dataclass(frozen=True, slots=True, kw_only=True)
class EncodedRefresh:
    """Re-encode all keys and rebuild the index, with one interval before ``switch`` and one after.

    Source: problem list 3.2.

    Attributes:
        early, late: interval between refreshes before and after ``switch``; at least one epoch.
        switch: when the interval changes to ``late``.
    """

    early: Span
    late: Span
    switch: Span

    @property
    def reencodes(self) -> bool:
        return True

    def due(self, done: int, epochs: int) -> bool:
        early, late, switch = (epochs_of(span, epochs) for span in (self.early, self.late, self.switch))
        early, late = max(early, 1.0), max(late, 1.0)
        n_early = math.ceil(switch / early - SLACK)
        switched = n_early * early
        offset, step = (0.0, early) if done <= switched + SLACK else (switched, late)
        latest = offset + math.floor((done - offset) / step + SLACK) * step
        return latest > SLACK and math.ceil(latest - SLACK) == done


class Policy(Enum):
    """Which entries a managed memory evicts first."""

    SCORE = "score"
    LRU = "lru"
    LFU = "lfu"


@dataclass(frozen=True, slots=True, kw_only=True)
class Managed:
    """A memory of limited size that replaces its worst entries after each epoch.  Source: problem list 3.4.

    Attributes:
        capacity: number of entries as a fraction of the admitted prefixes; chosen at random at the start.
        evict: fraction of the entries that is replaced after each epoch.
        decay: decay of the moving average of an entry's score, in [0, 1).
        policy: the worst entries have the lowest score, are longest unused, or are least used per epoch.
    """

    capacity: float
    evict: float
    decay: float
    policy: Policy

    def build(self, generator: torch.Generator) -> ManagedMemory:
        """Return the keeper, which holds the table of scores."""
        from harness.engine.live.managed import ManagedMemory

        return ManagedMemory(
            capacity=self.capacity,
            evict=self.evict,
            decay=self.decay,
            policy=self.policy.value,
            generator=generator,
        )
