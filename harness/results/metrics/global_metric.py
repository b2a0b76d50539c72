"""Metrics of all recommendations together, such as coverage of the catalogue; they cannot be computed from ranks."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import final

import numpy as np
from numpy.typing import NDArray

from harness.errors import InputError
from harness.results.metrics.base import AnyMetric

Lists = NDArray[np.int32]
"""Recommended items of every user, best first, padded with 0, ``(n_users, n_recommended)``."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Catalogue:
    """The items that can be recommended.

    Attributes:
        n_items: how many; they count from 1.
        popularity: training events of each by its number, ``(n_items + 1,)``; entry 0 is 0.
    """

    n_items: int
    popularity: NDArray[np.int64]


class GlobalMetric(AnyMetric):
    """One number for the lists of all users.

    It cannot be a study's primary metric, nor choose an epoch: paired tests need a value per user.

    >>> class Longest(GlobalMetric):
    ...     name = "longest"
    ...     def of(self, lists, catalogue):
    ...         return float((lists > 0).sum(axis=1).max()) / catalogue.n_items
    >>> five = Catalogue(n_items=5, popularity=np.arange(6))
    >>> Longest(cutoff=2).value(np.array([[3, 1, 2], [1, 0, 0]], dtype=np.int32), five)
    0.4
    """

    __slots__ = ()

    @abstractmethod
    def of(self, lists: Lists, catalogue: Catalogue) -> float:
        """The metric of lists that are already cut off; a 0 in a list is padding."""

    @final
    def value(self, lists: Lists, catalogue: Catalogue) -> float:
        """The metric of the first K items of every list.

        Raises:
            InputError: the lists are shorter than the cut-off.
        """
        longest = lists.shape[1]
        if self.cutoff is not None and longest < self.cutoff:
            raise InputError(f"{self} needs {self.cutoff} items per user, the lists hold {longest}; lower the cut-off")
        return float(self.of(lists[:, : self.cutoff], catalogue))
