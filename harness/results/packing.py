"""Compact storage of recommended items, on disk and in memory; lists are unpacked on access."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.results.metrics.global_metric import Lists

_PLACES, _OTHERS = "test_off.places", "test_off.others"


class PackedLists(Mapping[str, Lists]):
    """Lists by name, kept as small arrays: item numbers take two bytes where all fit.

    Lists without retrieval are kept as positions in the lists with it, from 1, because most items are in both; 0 marks
    an item that is only in the list without, and such items are kept apart.

    Attributes:
        arrays: the arrays kept, by name.

    >>> both = PackedLists.of({"test_on": np.array([[3, 1, 2]]), "test_off": np.array([[1, 3, 9]])})
    >>> {name: array.tolist() for name, array in both.arrays.items()}
    {'test_on': [[3, 1, 2]], 'test_off.places': [[2, 1, 0]], 'test_off.others': [9]}
    >>> both["test_off"].tolist()
    [[1, 3, 9]]
    """

    def __init__(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Keep the :attr:`arrays` of another instance, or lists as they are."""
        self.arrays = dict(arrays)

    @classmethod
    def of(cls, lists: Mapping[str, Lists]) -> PackedLists:
        """Pack lists; packed ones are returned as they are."""
        if isinstance(lists, PackedLists):
            return lists
        found: dict[str, NDArray[Any]] = {name: _narrow(each) for name, each in lists.items()}
        on, off = lists.get("test_on"), lists.get("test_off")
        if on is None or off is None or on.shape != off.shape or on.shape[1] >= 1 << 8:
            return cls(found)
        same = off[:, :, None] == on[:, None, :]
        places = np.where(same.any(axis=2), same.argmax(axis=2) + 1, 0).astype(np.uint8)
        del found["test_off"]
        return cls(found | {_PLACES: places, _OTHERS: _narrow(off[places == 0])})

    def __getitem__(self, name: str) -> Lists:
        if name not in set(self):
            raise KeyError(name)
        if name in self.arrays:
            return self.arrays[name].astype(np.int32)
        places = self.arrays[_PLACES].astype(np.int64)
        off = np.take_along_axis(self["test_on"], np.maximum(places - 1, 0), axis=1)
        off[places == 0] = self.arrays[_OTHERS]
        return off

    def __iter__(self) -> Iterator[str]:
        for name in self.arrays:
            if name != _OTHERS:
                yield "test_off" if name == _PLACES else name

    def __len__(self) -> int:
        return sum(1 for _ in self)


def _narrow(items: NDArray[Any]) -> NDArray[Any]:
    return items.astype("<u2" if int(items.max(initial=0)) < 1 << 16 else "<i4")
