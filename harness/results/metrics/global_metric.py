"""Metrics of all recommendations together, such as coverage of the catalogue: ranks alone do not give them."""

from __future__ import annotations

from abc import abstractmethod
from typing import final

import numpy as np
from numpy.typing import NDArray

from harness.errors import InputError
from harness.results.metrics.base import AnyMetric

Lists = NDArray[np.int32]
"""Recommended items of every user, best first, ``(n_users, n_recommended)``."""


class GlobalMetric(AnyMetric):
    """One number for the lists of all users.

    It cannot be a study's primary metric, nor choose an epoch: paired tests need a value per user.

    >>> class Coverage(GlobalMetric):
    ...     name = "coverage"
    ...     def of(self, lists, n_items):
    ...         return len(np.unique(lists)) / n_items
    >>> Coverage(cutoff=2).value(np.array([[3, 1, 2], [1, 3, 4]], dtype=np.int32), n_items=5)
    0.4
    """

    __slots__ = ()

    @abstractmethod
    def of(self, lists: Lists, n_items: int) -> float:
        """The metric of lists that are already cut off, on a catalogue of ``n_items``."""

    @final
    def value(self, lists: Lists, n_items: int) -> float:
        """The metric of the first K items of every list.

        Raises:
            InputError: the lists are shorter than the cut-off.
        """
        longest = lists.shape[1]
        if self.cutoff is not None and longest < self.cutoff:
            raise InputError(f"{self} needs {self.cutoff} items per user, the lists hold {longest}; lower the cut-off")
        return float(self.of(lists[:, : self.cutoff], n_items))
