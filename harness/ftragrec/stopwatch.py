"""Wall time by stage."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field


@dataclass(slots=True)
class Stopwatch:
    """Adds up wall seconds by the name of a stage."""

    seconds: dict[str, float] = field(default_factory=dict[str, float])
    _counted: float = 0.0

    @property
    def total(self) -> float:
        """All stages together."""
        return sum(self.seconds.values())

    def lap(self) -> float:
        """Seconds since the last lap."""
        before, self._counted = self._counted, self.total
        return self._counted - before

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Count the time inside the block towards ``name``."""
        start = time.perf_counter()
        try:
            yield
        finally:
            self.seconds[name] = self.seconds.get(name, 0.0) + time.perf_counter() - start
