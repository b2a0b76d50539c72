"""Seams ``sources``, ``admission``, ``refresh`` and ``eviction``: what the memory holds and when it is rebuilt."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray

from harness.data.split import Indices

if TYPE_CHECKING:
    from torch import Tensor

    from harness.ftragrec.inputs import Inputs


class Source(Protocol):
    """A spec of the seam ``sources``."""

    def entries(self, inputs: Inputs) -> Indices:
        """Prefix numbers that may become entries, ascending."""
        ...


class Admission(Protocol):
    """A spec of the seam ``admission``."""

    def admitted(self, entries: Indices, inputs: Inputs) -> NDArray[np.bool_]:
        """Which of these prefixes become entries, ``(n,)``."""
        ...


class Eviction(Protocol):
    """A spec of the seam ``eviction``."""

    def kept(self, entries: Indices) -> Indices:
        """The prefix numbers that stay in the memory."""
        ...


class Refresh(Protocol):
    """A spec of the seam ``refresh``."""

    def due(self, epochs_done: int) -> bool:
        """Whether the index is rebuilt now, after that many epochs."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainSource:
    """Training prefixes only; valid targets never enter.  Source: FTragrec as found, point 1."""

    def entries(self, inputs: Inputs) -> Indices:
        return inputs.prefixes.train


@dataclass(frozen=True, slots=True, kw_only=True)
class LongerThan:
    """Leave out entries whose prefix has no more than ``length`` items (``len_lower_bound``).  Source: point 1."""

    length: int = 5

    def admitted(self, entries: Indices, inputs: Inputs) -> NDArray[np.bool_]:
        return inputs.prefixes.position[entries] > self.length


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredKeysRefresh:
    """Rebuild the index every ``every`` epochs from the keys as they were stored.  Source: point 9."""

    every: int = 10

    def due(self, epochs_done: int) -> bool:
        return epochs_done % self.every == 0


@dataclass(frozen=True, slots=True, kw_only=True)
class NoEviction:
    """Every admitted entry stays for good.  Source: FTragrec as found, point 1."""

    def kept(self, entries: Indices) -> Indices:
        return entries


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Memory:
    """Entries with their stored keys; never changed in place, so a checkpoint can keep a reference.

    Attributes:
        prefix: prefix number of each entry, ``(N,)``.
        user, position, target: its owner, target index in the owner's sequence and next item, ``(N,)``.
        keys: ``R(s)`` in evaluation mode when the entry was stored, ``(N, d)`` float32, not normalised.
    """

    prefix: Indices
    user: Indices
    position: Indices
    target: Tensor
    keys: Tensor

    def prefixes_of(self, entry: Tensor) -> Tensor:
        """Prefix numbers of entries, in the shape of ``entry``."""
        import torch

        return torch.from_numpy(self.prefix)[entry]
