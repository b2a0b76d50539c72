"""What runs on the same backbone would compute alike: computed once a process, kept for the next run."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, TypeVar, cast

MOST_BYTES = 1 << 28
"""Room for all of them: eight epochs' noisy encodings on Amazon Beauty, ten on MovieLens 100K."""

Name = tuple[str | int, ...]
"""The owner first, such as a stream of random numbers, then which of its arrays."""


class Array(Protocol):
    """A tensor or an array of numpy's."""

    @property
    def nbytes(self) -> int:
        """Its size."""
        ...


A = TypeVar("A", bound=Array)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Made:
    array: Array
    seconds: float


class ArrayCache:
    """Arrays by name, never written to. Where room is short those of another owner give way, the largest first.

    None of the same owner does: a run that goes through its epochs would throw out what the next run begins with.
    """

    def __init__(self, most_bytes: int = MOST_BYTES) -> None:
        self._most_bytes = most_bytes
        self._made: dict[Name, _Made] = {}

    def get(self, name: Name, make: Callable[[], A], charge: Callable[[float], None]) -> A:
        """The array of that name, made where it is not there.

        Args:
            name: must hold all that decides the array beside the inputs that it is kept with.
            make: computes it.
            charge: told the seconds that it took by whoever finds it made: runs are compared by what they cost, and
                which of them comes first is chance.
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
        """Whether an array of that size may stay, once others have gone for it."""
        held = n_bytes + sum(each.array.nbytes for each in self._made.values())
        others = {other: each.array.nbytes for other, each in self._made.items() if other[0] != name[0]}
        for other in sorted(others, key=others.__getitem__, reverse=True):
            if held <= self._most_bytes or held - sum(others.values()) > self._most_bytes:
                break
            del self._made[other]
            held -= others.pop(other)
        return held <= self._most_bytes
