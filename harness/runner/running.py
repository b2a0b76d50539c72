"""A cell that is with the executor, who is told of it, and which replicates are complete."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Protocol

from harness.modes.plan import Cell, CellName
from harness.results.manifest import BASE
from harness.results.record import EpochPoint, RunRecord
from harness.runner.tasks import CellTask


@dataclass(slots=True, kw_only=True)
class RunningCell:
    """A cell that is with the executor, and how far its progress file has been read.

    Attributes:
        began: when it was handed to a worker that had not started, by ``time.monotonic``; None for later cells.
    """

    task: CellTask
    read: int = 0
    began: float | None = None

    def start(self, record: RunRecord) -> float:
        """Seconds that its worker took to start; infinite for later cells."""
        if self.began is None:
            return math.inf
        return max(time.monotonic() - self.began - float(record.provenance.get("wall_seconds", 0.0)), 0.0)

    def new_points(self) -> list[EpochPoint]:
        """Evaluations that the worker has written since the last call; a line still being written waits."""
        if not self.task.progress_file.exists():
            return []
        lines = self.task.progress_file.read_text(encoding="utf-8").splitlines(keepends=True)
        fresh = [line for line in lines[self.read :] if line.endswith("\n")]
        self.read += len(fresh)
        return [EpochPoint(**json.loads(line)) for line in fresh]


@dataclass(slots=True)
class Completion:
    """Which replicates are complete, so that a page is worth writing again.

    Attributes:
        ended: cells that have their record, or have failed.
    """

    ended: set[CellName] = field(default_factory=set)
    _complete: set[int] = field(default_factory=set)
    _base_told: bool = False

    def news(self, compared: Collection[int], cells: Collection[CellName]) -> bool:
        """Whether another replicate is complete since the last call; before any is, whether base's cells have ended.

        Args:
            compared: replicates by which the rows are compared; a search and a greedy choice run others before.
            cells: all that have been named.
        """
        complete = {
            number
            for number in compared
            if (BASE, number) in self.ended and all(name in self.ended for name in cells if name[1] == number)
        }
        base = {name for name in cells if name[0].partition("[")[0] == BASE and name[1] not in compared}
        base_ended = bool(base) and base <= self.ended
        news = bool(complete - self._complete) or (base_ended and not self._base_told)
        self._complete |= complete
        self._base_told |= base_ended
        return news


class CellObserver(Protocol):
    """Told of every cell that runs or has its record, and asked nothing."""

    def started(self, key: str, cell: Cell) -> None:
        """A cell is with the executor; it may have its record already, and run for evidence."""
        ...

    def epoch(self, key: str, point: EpochPoint) -> None:
        """It has been evaluated."""
        ...

    def finished(self, record: RunRecord) -> None:
        """It has ended, and its record is on the disk."""
        ...

    def failed(self, key: str, why: str) -> None:
        """This try of it left no record."""
        ...

    def reused(self, cell: Cell, record: RunRecord) -> None:
        """A cell has its record already."""
        ...

    def flush(self) -> None:
        """Called often while cells run."""
        ...

    def settle(self) -> None:
        """No more cells follow."""
        ...
