"""A cell that is with the executor, and who is told of it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Protocol

from harness.modes.plan import Cell
from harness.results.record import EpochPoint, RunRecord
from harness.runner.tasks import CellTask


@dataclass(slots=True, kw_only=True)
class RunningCell:
    """A cell that is with the executor, and how far its progress file has been read."""

    task: CellTask
    read: int = 0

    def new_points(self) -> list[EpochPoint]:
        """Evaluations that the worker has written since the last call; a line still being written waits."""
        if not self.task.progress_file.exists():
            return []
        lines = self.task.progress_file.read_text(encoding="utf-8").splitlines(keepends=True)
        fresh = [line for line in lines[self.read :] if line.endswith("\n")]
        self.read += len(fresh)
        return [EpochPoint(**json.loads(line)) for line in fresh]


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
