"""Seams ``sources``, ``refresh`` and ``eviction``: what the memory holds and when it is rebuilt."""

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
    """A spec of the seam ``sources``.

    Attributes:
        grows: whether prefixes are added from epoch to epoch.
    """

    @property
    def grows(self) -> bool: ...

    def entries(self, inputs: Inputs, *, done: int, epochs: int) -> Indices:
        """Prefixes that may be entries while epochs are trained and valid is scored, ascending.

        Args:
            inputs: data.
            done: epochs trained so far, of ``epochs``.
            epochs: the epoch budget.
        """
        ...

    def added_for_test(self, inputs: Inputs) -> Indices:
        """Prefixes that become entries besides once test is scored, ascending."""
        ...


class Eviction(Protocol):
    """A spec of the seam ``eviction``."""

    def build(self, generator: torch.Generator) -> Keeper | None:
        """What decides which of the admitted prefixes are entries; None: all of them are."""
        ...


class Keeper(Protocol):
    """The live part of an eviction policy."""

    def observe(self, forward: Forward) -> None:
        """Learn from a training batch how its neighbours served it."""
        ...

    def kept(self, admitted: Indices, *, turn_over: bool) -> Indices:
        """The prefixes that are entries from now on, ascending.

        Args:
            admitted: prefixes to choose from, ascending; may have grown since the last call.
            turn_over: whether entries may be replaced now.
        """
        ...


class Refresh(Protocol):
    """A spec of the seam ``refresh``.

    Attributes:
        reencodes: whether a refresh encodes the keys anew.
    """

    @property
    def reencodes(self) -> bool: ...

    def due(self, done: int, epochs: int) -> bool:
        """Whether the index is rebuilt now, after ``done`` of ``epochs`` epochs."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainSource:
    """Training prefixes only; valid targets never enter.  Source: FTragrec as found, point 1."""

    @property
    def grows(self) -> bool:
        return False

    def entries(self, inputs: Inputs, *, done: int, epochs: int) -> Indices:
        return inputs.prefixes.train

    def added_for_test(self, inputs: Inputs) -> Indices:
        return inputs.prefixes.train[:0]


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredKeysRefresh:
    """Rebuild the index every ``every`` epochs from the keys as they were stored.  Source: point 9."""

    every: int = 10

    @property
    def reencodes(self) -> bool:
        return False

    def due(self, done: int, epochs: int) -> bool:
        return done % self.every == 0


@dataclass(frozen=True, slots=True, kw_only=True)
class NoEviction:
    """Every admitted entry stays for good.  Source: FTragrec as found, point 1."""

    def build(self, generator: torch.Generator) -> None:
        return None


SLACK = 1e-9
"""Epochs within which two moments are one: spans are fractions of a budget, and floats."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WiderSource:
    """Training prefixes, the latest of each user held back and released over training; valid ones once test is scored.

    Attributes:
        valid: whether valid prefixes become entries while test is scored (never while valid is).
        stream: share of each user's own training prefixes, the last ones, that is held back at first, a fraction.
        parts: portions in which they are released, oldest first, the last before the last epoch.

    Source: seed 3.1.
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
    """Encode all keys anew and rebuild the index, often at first and less often later.  Source: seed 3.2.

    Attributes:
        early, late: time from one refresh to the next before and after ``switch``; at least one epoch.
        switch: when the second rhythm begins.
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
    """Which entries a managed memory gives up first."""

    SCORE = "score"
    LRU = "lru"
    LFU = "lfu"


@dataclass(frozen=True, slots=True, kw_only=True)
class Managed:
    """A memory of bounded size that replaces its worst entries after every epoch.  Source: seed 3.4.

    Attributes:
        capacity: entries as a share of the admitted prefixes, a fraction; a random choice at the start.
        evict: share of the entries that is replaced at each turnover, a fraction.
        decay: of the moving average of an entry's score, in [0, 1).
        policy: what is worst: the lowest score, the longest unused, or the least used an epoch.
    """

    capacity: float
    evict: float
    decay: float
    policy: Policy

    def build(self, generator: torch.Generator) -> ManagedMemory:
        """The table of scores."""
        from harness.engine.live.managed import ManagedMemory

        return ManagedMemory(
            capacity=self.capacity,
            evict=self.evict,
            decay=self.decay,
            policy=self.policy.value,
            generator=generator,
        )
