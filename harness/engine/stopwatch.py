"""Wall time by stage."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field


@dataclass(slots=True)
class Stopwatch:
    """Adds up wall seconds by the name of a stage; a stage inside another counts for itself alone."""

    seconds: dict[str, float] = field(default_factory=dict[str, float])
    _counted: float = 0.0
    _inner: float = 0.0

    @property
    def total(self) -> float:
        """All stages together."""
        return sum(self.seconds.values())

    def lap(self) -> float:
        """Seconds since the last lap."""
        before, self._counted = self._counted, self.total
        return self._counted - before

    def charge(self, name: str, seconds: float) -> None:
        """Count seconds that were spent elsewhere, for this run too, towards ``name``."""
        self.seconds[name] = self.seconds.get(name, 0.0) + seconds

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Count the time inside the block, less that of stages within, towards ``name``."""
        start, outer, self._inner = time.perf_counter(), self._inner, 0.0
        try:
            yield
        finally:
            elapsed = time.perf_counter() - start
            self.seconds[name] = self.seconds.get(name, 0.0) + elapsed - self._inner
            self._inner = outer + elapsed

    @contextmanager
    def aside(self) -> Iterator[None]:
        """Count nothing of what happens inside the block."""
        before = dict(self.seconds)
        try:
            yield
        finally:
            self.seconds = before
