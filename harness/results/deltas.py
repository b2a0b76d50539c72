"""Paired differences of one row from another, the start of every estimate."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Deltas:
    """Paired differences of one row from another on the replicates that both have.

    Attributes:
        row: the row's name.
        replicates: the paired replicates, ascending.
        values: metric of the row minus metric of the other, ``(n_replicates, n_users)``.
        reference: mean over users of the other's metric, per replicate, ``(n_replicates,)``.
    """

    row: str
    replicates: tuple[int, ...]
    values: Floats
    reference: Floats

    def __repr__(self) -> str:
        mean, n_users = float(self.values.mean()), self.values.shape[1]
        return f"Deltas({self.row!r}, {mean:+.5f}, {len(self.replicates)} seeds, {n_users} users)"

    @classmethod
    def of(cls, row: str, replicates: tuple[int, ...], values: Floats, other: Floats) -> Deltas:
        """The differences of two metrics, each ``(n_replicates, n_users)``."""
        return cls(row=row, replicates=replicates, values=values - other, reference=other.mean(axis=1))
