"""Arrays that all runs on the same backbone share: computed once per process, kept for the next run."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, TypeVar, cast

MOST_BYTES = 1 << 28
"""Limit of their total size: the noisy encodings of eight epochs on Amazon Beauty, of ten on MovieLens 100K."""

Name = tuple[str | int, ...]
"""First the owner, such as a stream of random numbers, then which of its arrays."""


class Array(Protocol):
    """A tensor or a NumPy array."""

    @property
    def nbytes(self) -> int:
        """Size in bytes."""
        ...


A = TypeVar("A", bound=Array)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Made:
    array: Array
    seconds: float


class ArrayCache:
    """Arrays by name, which must not be modified.

    If space is short, arrays of other owners are evicted, the largest first. Arrays of the same owner are kept:
    otherwise the later epochs of a run would evict the arrays that the next run needs first.
    """

    def __init__(self, most_bytes: int = MOST_BYTES) -> None:
        self._most_bytes = most_bytes
        self._made: dict[Name, _Made] = {}

    def get(self, name: Name, make: Callable[[], A], charge: Callable[[float], None]) -> A:
        """The array of that name, computed if it is not cached.

        Args:
            name: must contain everything that determines the array, apart from the inputs that own this cache.
            make: computes it.
            charge: called, if it is cached, with the seconds that it took: runs are compared by cost, and which run
                comes first is chance.
        """
        if name in self._made:
            charge(self._made[name].seconds)
            return cast("A", self._made[name].array)
        began = time.perf_counter()
        array = make()
        seconds = time.perf_counter() - began
        if self._has_room(name, array.nbytes):
            self._made[name] = _Made(array=array, seconds=seconds)
        return array

    def _has_room(self, name: Name, n_bytes: int) -> bool:
        """Return whether an array of that size fits, after evicting others as needed."""
        held = n_bytes + sum(each.array.nbytes for each in self._made.values())
        others = {other: each.array.nbytes for other, each in self._made.items() if other[0] != name[0]}
        for other in sorted(others, key=others.__getitem__, reverse=True):
            if held <= self._most_bytes or held - sum(others.values()) > self._most_bytes:
                break
            del self._made[other]
            held -= others.pop(other)
        return held <= self._most_bytes
