"""Seams ``sources``, ``admission``, ``refresh`` and ``eviction``: what the memory holds and when it is rebuilt."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray

from harness.data.split import Indices

if TYPE_CHECKING:
    import torch

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


class Admission(Protocol):
    """A spec of the seam ``admission``."""

    def admitted(self, entries: Indices, inputs: Inputs) -> NDArray[np.bool_]:
        """Which of these prefixes become entries, ``(n,)``."""
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
class LongerThan:
    """Leave out entries whose prefix has no more than ``length`` items (``len_lower_bound``).  Source: point 1."""

    length: int = 5

    def admitted(self, entries: Indices, inputs: Inputs) -> NDArray[np.bool_]:
        return inputs.prefixes.position[entries] > self.length


@dataclass(frozen=True, slots=True, kw_only=True)
class AllEntries:
    """Every prefix becomes an entry, however short.  Source: family 0 and seed 9."""

    def admitted(self, entries: Indices, inputs: Inputs) -> NDArray[np.bool_]:
        return np.ones(len(entries), dtype=bool)


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
