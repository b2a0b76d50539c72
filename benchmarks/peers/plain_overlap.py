"""Neighbours that share items, one query at a time: the formula of ``wiring.overlap`` as a loop over an inverted index.

Written for the benchmark from the description only; a test compares its neighbours with the product's.
"""

from __future__ import annotations

from collections import defaultdict

from harness.data.interactions import Interactions
from harness.data.split import Indices, Prefixes
from harness.recipe.seams.retrieval.neighbours import SharedItems

READ = 50
"""Number of last items of a prefix that are used."""


class PlainOverlap:
    """An inverted index in dictionaries.

    Args:
        spec: the settings.
        data, prefixes: the data and its prefixes, which are entries and queries.
        entries: prefix numbers of the entries.
    """

    def __init__(self, spec: SharedItems, data: Interactions, prefixes: Prefixes, entries: Indices) -> None:
        self._spec = spec
        self._data = data
        self._prefixes = prefixes
        self._entries = entries.tolist()
        self._lengths: list[int] = []
        self._holders: dict[int, list[tuple[int, int]]] = defaultdict(list)
        for entry, prefix in enumerate(self._entries):
            history = self.history(prefix)
            self._lengths.append(len(history))
            for item, lag in self.lags(history).items():
                self._holders[item].append((entry, lag))

    def history(self, prefix: int) -> list[int]:
        """The items of a prefix that are used, oldest first."""
        end = self._data.offsets[self._prefixes.user[prefix]] + self._prefixes.position[prefix]
        return self._data.items[end - min(self._prefixes.position[prefix], READ) : end].tolist()

    @staticmethod
    def lags(history: list[int]) -> dict[int, int]:
        """The number of items after the last event of each item.

        >>> PlainOverlap.lags([3, 1, 3])
        {3: 0, 1: 1}
        """
        return {item: len(history) - 1 - place for place, item in enumerate(history)}

    def neighbours(self, prefix: int) -> list[tuple[int, float]]:
        """Entry and similarity of up to k neighbours of a query, best first; ties by entry number."""
        spec, similarity = self._spec, defaultdict[int, float](float)
        for item, asked in self.lags(self.history(prefix)).items():
            holders = self._holders.get(item, [])
            for entry, lag in holders:
                weight = spec.decay**asked * (1 + lag) ** -spec.lag * len(holders) ** -spec.rarity
                similarity[entry] += weight * self._lengths[entry] ** -spec.length
        seen = [pair for pair in similarity.items() if self._may_see(prefix, self._entries[pair[0]])]
        return sorted(seen, key=lambda pair: (-pair[1], pair[0]))[: spec.k]

    def _may_see(self, prefix: int, entry: int) -> bool:
        """Whether the entry belongs to another user or has a strictly shorter history."""
        user, position = self._prefixes.user, self._prefixes.position
        return bool(user[entry] != user[prefix] or min(position[entry], READ) < min(position[prefix], READ))
