"""A cell that is with the executor: how far it is, and why it failed where it did."""

from __future__ import annotations

import json
from dataclasses import dataclass

from harness.modes.plan import Cell
from harness.results.record import EpochPoint
from harness.runner.tasks import CellTask


@dataclass(slots=True, kw_only=True)
class RunningCell:
    """A cell that is with the executor, and how far its progress file has been read."""

    cell: Cell
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


class WorkerLostError(Exception):
    """The process or the machine that ran a cell is gone; the text says as much as is known."""


def how_it_ended(death: BaseException) -> str:
    """Why a worker left neither a record nor a reason."""
    return str(death) if isinstance(death, WorkerLostError) else f"{type(death).__name__}: {death}"
