"""Wall time by stage."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field


@dataclass(slots=True)
class Stopwatch:
    """Wall seconds by stage; the time of a nested stage counts for that stage only."""

    seconds: dict[str, float] = field(default_factory=dict[str, float])
    _counted: float = 0.0
    _inner: float = 0.0

    @property
    def total(self) -> float:
        """Seconds of all stages together."""
        return sum(self.seconds.values())

    def lap(self) -> float:
        """Seconds since the last lap."""
        before, self._counted = self._counted, self.total
        return self._counted - before

    def charge(self, name: str, seconds: float) -> None:
        """Add seconds to ``name`` that were spent earlier on a result that this run reuses."""
        self.seconds[name] = self.seconds.get(name, 0.0) + seconds

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Add the time inside the block to ``name``, without that of nested stages."""
        start, outer, self._inner = time.perf_counter(), self._inner, 0.0
        try:
            yield
        finally:
            elapsed = time.perf_counter() - start
            self.seconds[name] = self.seconds.get(name, 0.0) + elapsed - self._inner
            self._inner = outer + elapsed

    @contextmanager
    def aside(self) -> Iterator[None]:
        """Do not count the time inside the block."""
        before = dict(self.seconds)
        try:
            yield
        finally:
            self.seconds = before
