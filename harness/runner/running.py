"""A submitted cell, the protocol of observers of cells, and a tracker of complete replicates."""

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
    """A cell that the executor has received, and how far its progress file has been read.

    Attributes:
        began: submission time by ``time.monotonic`` if it is the first cell of a worker; None for later cells.
    """

    task: CellTask
    read: int = 0
    began: float | None = None

    def start(self, record: RunRecord) -> float:
        """Seconds that its worker took to start; infinite if it is not the first cell of a worker."""
        if self.began is None:
            return math.inf
        return max(time.monotonic() - self.began - float(record.provenance.get("wall_seconds", 0.0)), 0.0)

    def new_points(self) -> list[EpochPoint]:
        """Evaluations written since the last call; a line that is not complete yet is read by a later call."""
        if not self.task.progress_file.exists():
            return []
        lines = self.task.progress_file.read_text(encoding="utf-8").splitlines(keepends=True)
        fresh = [line for line in lines[self.read :] if line.endswith("\n")]
        self.read += len(fresh)
        return [EpochPoint(**json.loads(line)) for line in fresh]


@dataclass(slots=True)
class Completion:
    """Tracks which replicates are complete, to decide when to write the page again.

    Attributes:
        ended: cells that have a record or have failed.
    """

    ended: set[CellName] = field(default_factory=set)
    _complete: set[int] = field(default_factory=set)
    _base_told: bool = False

    def news(self, compared: Collection[int], cells: Collection[CellName]) -> bool:
        """Whether another replicate is complete since the last call, or base has ended on all replicates not compared.

        Args:
            compared: replicates on which the rows are compared; search and greedy modes run other replicates first.
            cells: all cells named so far.
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
    """Receives the events of every cell that runs or already has a record; it returns nothing."""

    def started(self, key: str, cell: Cell) -> None:
        """A cell goes to the executor; it may already have a record and run for evidence only."""
        ...

    def epoch(self, key: str, point: EpochPoint) -> None:
        """The cell has been evaluated."""
        ...

    def finished(self, record: RunRecord) -> None:
        """The cell has ended, and its record is on disk."""
        ...

    def failed(self, key: str, why: str) -> None:
        """This attempt of the cell left no record, or no evidence."""
        ...

    def reused(self, cell: Cell, record: RunRecord) -> None:
        """A cell already has a record."""
        ...

    def flush(self) -> None:
        """Called often while cells run, to write what waits."""
        ...

    def settle(self) -> None:
        """Called once no more cells follow."""
        ...
