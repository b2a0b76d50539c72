"""Base classes of metrics; a study file writes a metric's name and cut-off as ``ndcg@10``."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from enum import Enum
from typing import ClassVar, final

import numpy as np
from numpy.typing import NDArray

from harness.errors import InputError

Floats = NDArray[np.float64]


class CutOff(Enum):
    """Whether a metric's name may end in ``@K``."""

    OPTIONAL = "optional"
    REQUIRED = "required"


@dataclass(frozen=True, slots=True, kw_only=True)
class AnyMetric(ABC):
    """A metric, per user or global.

    Attributes:
        name: of the family, lower-case letters, digits and ``_``, such as ``ndcg``.
        takes: whether the cut-off may be left out.
        low, high: the range of the metric.
        cutoff: K, the length of the list that counts, from 1; None: no limit.
    """

    name: ClassVar[str]
    takes: ClassVar[CutOff] = CutOff.OPTIONAL
    low: ClassVar[float] = 0.0
    high: ClassVar[float] = 1.0

    cutoff: int | None = None

    def __post_init__(self) -> None:
        if self.cutoff is None and self.takes is CutOff.REQUIRED:
            raise InputError(f"metric {self.name!r} needs a cut-off; write {self.name}@10")

    def __str__(self) -> str:
        return self.name if self.cutoff is None else f"{self.name}@{self.cutoff}"


class Metric(AnyMetric):
    """A metric per user: the mean over the user's targets of a gain that depends on the rank of each.

    A subclass defines :meth:`gain`.  A new metric needs no new runs, because records hold every rank.

    >>> class Squared(Metric):
    ...     name = "squared"
    ...     def gain(self, rank):
    ...         return 1.0 / rank**2
    >>> Squared(cutoff=10).values(np.array([1, 2, 11], dtype=np.int32)).tolist()
    [1.0, 0.25, 0.0]
    """

    __slots__ = ()

    @abstractmethod
    def gain(self, rank: Floats) -> Floats:
        """The value of a target at each rank, from 1, of any shape; it does not apply the cut-off."""

    @final
    def values(self, ranks: NDArray[np.int32]) -> Floats:
        """Each target's value; the shape is that of ``ranks``.

        It is 0 where the rank is beyond the cut-off, and where the rank is 0 because there is no target.
        """
        place = np.maximum(ranks, 1).astype(np.float64)
        gain = self.gain(place)
        counts = ranks > 0 if self.cutoff is None else (ranks > 0) & (ranks <= self.cutoff)
        return np.where(counts, gain, 0.0)

    @final
    def of_users(self, ranks: NDArray[np.int32]) -> Floats:
        """Each user's value: the mean over the user's targets, ``(n_users,)`` of ``(n_users,)`` or ``(n_users, n)``."""
        return targets_mean(self.values(ranks), ranks) if ranks.ndim > 1 else self.values(ranks)

    @final
    def mean(self, ranks: NDArray[np.int32]) -> float:
        """The mean over users, the figure that papers print; ``ranks`` as in :meth:`of_users`."""
        return float(self.of_users(ranks).mean())


def targets_mean(values: Floats, ranks: NDArray[np.int32]) -> Floats:
    """The mean over each user's targets, on the last axis; a rank of 0 marks no target."""
    return values.sum(axis=-1) / np.maximum((ranks > 0).sum(axis=-1), 1)
